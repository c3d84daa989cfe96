"""Security groups: nothing in, nothing out, and each rule a resource that says what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .identity import physical
from .location import AwsLocation

SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_IN = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_OUT = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


@dataclass(frozen=True, kw_only=True)
class AwsNetwork:
    """Your own VPC. Components add security groups to it; routes and subnets stay yours.

    Attributes:
        vpc: its id.
        vpc_cidr: its addresses.
        private_subnets: ids, in at least two availability zones; tasks connect to the internet
            through the NAT gateway of these subnets.
        public_subnets: ids, for a public load balancer.
    """

    vpc: str
    vpc_cidr: str
    private_subnets: Sequence[str]
    public_subnets: Sequence[str] = ()


@dataclass(frozen=True)
class Allowed:
    """A TCP port, and who is at the other end: a security group, or addresses.

    Attributes:
        port: of whoever is connected to.
        why: written on the rule.
        group, cidr: one of the two; the group's id.
    """

    port: int
    why: str
    group: pulumi.Input[str] | None = None
    cidr: pulumi.Input[str] | None = None


def security_group(
    owner: Component[Any], location: AwsLocation, network: AwsNetwork, role: str, *, purpose: str
) -> CloudResource:
    """A group without rules: AWS's own rule that lets everything out is taken away."""
    return CloudResource(
        SECURITY_GROUP,
        owner.named(f"{role}-group"),
        {
            "name": physical(SECURITY_GROUP, owner, location, role),
            "description": purpose,
            "vpcId": network.vpc,
            "revokeRulesOnDelete": True,
        },
        opts=owner.owned(),
    )


def called(cidr: str) -> str:
    """A CIDR as part of a logical name, which an index in a list would make unstable."""
    return cidr.replace("/", "-")


def let_in(owner: Component[Any], role: str, group: CloudResource, allowed: Allowed) -> None:
    """Connections to ``group``."""
    _rule(_IN, owner, role, group, allowed)


def let_out(owner: Component[Any], role: str, group: CloudResource, allowed: Allowed) -> None:
    """Connections from ``group``."""
    _rule(_OUT, owner, role, group, allowed)


def _rule(
    token: str, owner: Component[Any], role: str, group: CloudResource, allowed: Allowed
) -> None:
    CloudResource(
        token,
        owner.named(role),
        {
            "securityGroupId": group.output("id"),
            "description": allowed.why,
            "ipProtocol": "tcp",
            "fromPort": allowed.port,
            "toPort": allowed.port,
            "cidrIpv4": allowed.cidr,
            "referencedSecurityGroupId": allowed.group,
        },
        opts=owner.owned(),
    )
