"""Security groups and network ACLs of AWS, inline or as resources of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from graph.resource_graph import Resource, ResourceGraph, step
from graph.tree import branch, entries

from ...finding import Severity
from ...open_ports import Opening, exposed, ports_of
from ...ranges import everywhere, texts
from ...rule import Check, Hit, Rule, at
from .types import GROUP, IN, OUT

_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
_DEFAULT: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_NATIVE: Final = "aws-native:ec2:SecurityGroup"
_ACL_RULE: Final = "aws:ec2/networkAclRule:NetworkAclRule"
_ACLS: Final = (
    "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
)
_ADDRESSES: Final = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6", "cidrIp")
_ACL_ADDRESSES: Final = ("cidrBlock", "ipv6CidrBlock")

_RULES_OF: Final[Mapping[str, tuple[str | None, bool]]] = {
    # A list of rules inside the type, or None where the type is a rule; whether it is ingress.
    f"{GROUP} in": ("ingress", True),
    f"{GROUP} out": ("egress", False),
    f"{_DEFAULT} in": ("ingress", True),
    f"{_DEFAULT} out": ("egress", False),
    f"{_NATIVE} in": ("securityGroupIngress", True),
    f"{_NATIVE} out": ("securityGroupEgress", False),
    f"{IN} in": (None, True),
    f"{OUT} out": (None, False),
    "aws-native:ec2:SecurityGroupIngress in": (None, True),
    "aws-native:ec2:SecurityGroupEgress out": (None, False),
}

SENSITIVE: Final = Rule(
    id="aws-ec2-006",
    severity=Severity.CRITICAL,
    reference="CIS AWS Foundations Benchmark 5.3; AWS Security Hub EC2.19",
    refuses="a security group that opens a remote shell, a desktop or a database to everyone",
    fix="list the networks that need access, or connect through Session Manager",
)
INGRESS: Final = Rule(
    id="aws-ec2-004",
    severity=Severity.HIGH,
    reference="AWS Security Hub EC2.18",
    refuses="a security group that accepts connections from everywhere on other ports than 80 "
    "and 443",
    fix="name 443, or list the networks that need access",
)
EGRESS: Final = Rule(
    id="aws-ec2-005",
    severity=Severity.MEDIUM,
    reference="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    refuses="a security group that allows connections to every address on other ports than 443",
    fix="name 443, or list the networks",
)
ACL: Final = Rule(
    id="aws-ec2-007",
    severity=Severity.MEDIUM,
    reference="CIS AWS Foundations Benchmark 5.2; AWS Security Hub EC2.21",
    refuses="a network ACL that allows every protocol from everywhere",
    fix="allow the ports and the networks that are used",
)


def networks_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds security groups and network ACLs that allow every address, in or out."""
    incoming: list[Opening] = []
    for resource in graph.resources:
        if resource.type.startswith(("aws:ec2/", "aws:vpc/", "aws-native:ec2:")):
            for opening, is_ingress in _openings(resource):
                if is_ingress:
                    incoming.append(opening)
                elif everywhere(opening.ranges) and opening.ports != (443, 443):
                    yield at(
                        resource,
                        opening.path,
                        f"allows every address on {opening.shown}",
                        "an attacker who takes over a server could send anything anywhere",
                        EGRESS.fix,
                        EGRESS.id,
                    )
            yield from _acl(resource)
    for opening, sensitive in exposed(incoming):
        rule = SENSITIVE if sensitive else INGRESS
        yield at(
            opening.resource,
            opening.path,
            f"accepts connections from everywhere on {opening.shown}",
            "everyone on the internet could try passwords and known faults there"
            if sensitive
            else "clients could connect without the load balancer",
            rule.fix,
            rule.id,
        )


def _openings(resource: Resource) -> Iterator[tuple[Opening, bool]]:
    if resource.type == _RULE:
        yield from _of_rule(resource, "", resource.inputs, resource.inputs.get("type") != "egress")
        return
    for way in ("in", "out"):
        inside = _RULES_OF.get(f"{resource.type} {way}")
        if inside is None:
            continue
        key, is_ingress = inside
        if key is None:
            yield from _of_rule(resource, "", resource.inputs, is_ingress)
            continue
        for number, each in enumerate(entries(resource.inputs, key)):
            if isinstance(each, dict):
                given = cast("dict[str, Any]", each)
                yield from _of_rule(resource, f"{key}[{number}]", given, is_ingress)


def _of_rule(
    resource: Resource, path: str, rule: Mapping[str, Any], is_ingress: bool
) -> Iterator[tuple[Opening, bool]]:
    protocol = rule.get("protocol", rule.get("ipProtocol", "-1"))
    group = resource.inputs.get("securityGroupId") or resource.inputs.get("groupId")
    for key in _ADDRESSES:
        if rule.get(key):
            yield (
                Opening(
                    resource=resource,
                    path=step(path, key),
                    group=str(group) if group and not path else resource.urn,
                    protocol=str(protocol).casefold(),
                    ports=ports_of(protocol, rule.get("fromPort"), rule.get("toPort")),
                    ranges=tuple(texts(rule[key])),
                ),
                is_ingress,
            )


def _acl(resource: Resource) -> Iterator[Hit]:
    if resource.type == _ACL_RULE:
        rules = [("", resource.inputs)] if resource.inputs.get("egress") is not True else []
    elif resource.type in _ACLS:
        rules = [
            (f"ingress[{number}]", branch(each))
            for number, each in enumerate(entries(resource.inputs, "ingress"))
        ]
    else:
        return
    for path, rule in rules:
        action = str(rule.get("ruleAction", rule.get("action"))).casefold()
        if action != "allow" or str(rule.get("protocol")) not in ("-1", "all"):
            continue
        for key in _ACL_ADDRESSES:
            if everywhere(texts(rule.get(key))):
                what = "allows every protocol from everywhere"
                so = "a security group that is open by mistake has nothing in front of it"
                yield at(resource, step(path, key), what, so, ACL.fix, ACL.id)


CHECK: Final = Check(
    rules=(SENSITIVE, INGRESS, EGRESS, ACL),
    types=(GROUP, _DEFAULT, _RULE, IN, OUT, _ACL_RULE, *_ACLS),
    find=networks_are_bounded,
)
