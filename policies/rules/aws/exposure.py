"""Who can connect: security groups, listeners and permissions to call a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from graph.resource_graph import Resource, ResourceGraph

from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from .types import IN, LISTENER, OUT, PERMISSION

EVERYONE: Final = ("0.0.0.0/0", "::/0")
TLS: Final = 443
PUBLIC_PORTS: Final = (80, TLS)


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
    refuses="a security group that allows every address on other ports than 443",
    fix="name 443, or list the networks",
)
BROKEN_TLS: Final = Rule(
    id="aws-elb-006",
    severity=Severity.HIGH,
    reference="AWS Security Hub ELB.17",
    refuses="a listener that accepts TLS versions before 1.2",
    fix="write ELBSecurityPolicy-TLS13-1-3-2021-06",
)
WITHOUT_TLS: Final = Rule(
    id="aws-elb-007",
    severity=Severity.HIGH,
    reference="AWS Security Hub ELB.1",
    refuses="a listener without TLS that does anything but redirect",
    fix="write redirect",
)
ANY_ACCOUNT: Final = Rule(
    id="aws-lambda-009",
    severity=Severity.CRITICAL,
    reference="AWS Security Hub Lambda.1",
    refuses="a function that every AWS account may call, not only through its URL",
    fix="name who calls it",
)
ANY_SOURCE: Final = Rule(
    id="aws-lambda-010",
    severity=Severity.MEDIUM,
    reference="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    refuses="a function that a service may call on behalf of every account",
    fix="name the API's executionArn",
)


def only_load_balancers_are_public(graph: ResourceGraph) -> Iterator[Hit]:
    """Only load balancers accept connections from everywhere, and only over TLS."""
    for rule in graph.all(IN):
        source = next((rule.inputs[k] for k in ("cidrIpv4", "cidrIpv6") if k in rule.inputs), None)
        ports = (rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
        if source in EVERYONE and not (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS):
            what = f"accepts connections from everywhere on ports {ports[0]} to {ports[1]}"
            yield at(
                rule,
                "fromPort",
                what,
                "clients could connect without the load balancer",
                "name 443",
                INGRESS.id,
            )
    yield from _outgoing(graph)
    for listener in graph.all(LISTENER):
        yield from _listener(listener)
    for permission in graph.all(PERMISSION):
        given = permission.inputs
        by_url = given.get("functionUrlAuthType") or given.get("invokedViaFunctionUrl")
        if given.get("principal") == "*" and not by_url:
            what = "lets every AWS account call the function, not only through its URL"
            yield at(
                permission,
                "principal",
                what,
                "any account could call it",
                ANY_ACCOUNT.fix,
                ANY_ACCOUNT.id,
            )
        if str(given.get("principal")).endswith(".amazonaws.com") and not given.get("sourceArn"):
            what = "lets a service call the function on behalf of every account"
            so = "another account's API could call it"
            yield at(permission, "sourceArn", what, so, ANY_SOURCE.fix, ANY_SOURCE.id)


def _outgoing(graph: ResourceGraph) -> Iterator[Hit]:
    """A rule that allows every address names the one port that servers need."""
    for rule in graph.all(OUT):
        given = rule.inputs
        ends = {given.get("cidrIpv4"), given.get("cidrIpv6")}
        ports = (given.get("fromPort"), given.get("toPort"))
        if ends & {*EVERYONE} and ports != (TLS, TLS):
            yield at(
                rule,
                "fromPort",
                f"allows every address on ports {ports[0]} to {ports[1]}",
                "an attacker who takes over a server could send anything anywhere",
                EGRESS.fix,
                EGRESS.id,
            )


def _listener(listener: Resource) -> Iterator[Hit]:
    given = listener.inputs
    if given.get("protocol") == "HTTPS":
        policy = str(given.get("sslPolicy"))
        if not policy.startswith("ELBSecurityPolicy-TLS13-"):
            what = f"is {policy}: TLS versions before 1.2 are accepted"
            yield at(
                listener,
                "sslPolicy",
                what,
                "tokens are sent over the internet with broken encryption",
                BROKEN_TLS.fix,
                BROKEN_TLS.id,
            )
        return
    for index, action in enumerate(cast("list[Any]", given.get("defaultActions", []))):
        if action.get("type") != "redirect":
            path = f"defaultActions[{index}].type"
            what = f"is {action.get('type')} without TLS"
            yield at(
                listener,
                path,
                what,
                "tokens are sent over the internet unencrypted",
                WITHOUT_TLS.fix,
                WITHOUT_TLS.id,
            )


CHECK: Final = Check(
    rules=(INGRESS, EGRESS, BROKEN_TLS, WITHOUT_TLS, ANY_ACCOUNT, ANY_SOURCE),
    types=(IN, OUT, LISTENER, PERMISSION),
    find=only_load_balancers_are_public,
)
