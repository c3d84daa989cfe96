"""Your VPC, and security groups that allow only the rules listed as resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.arg_types import Cidr
from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.problems import Problem
from .arg_types import SubnetId, VpcId
from .location import AwsLocation
from .naming import physical_name

SECURITY_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


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

    vpc: VpcId
    vpc_cidr: Cidr
    private_subnets: Sequence[SubnetId]
    public_subnets: Sequence[SubnetId] = ()

    def refusals(self) -> list[Problem]:
        """Addresses that the rules of the security groups cannot hold."""
        return ipv4_problems("vpc_cidr", [self.vpc_cidr], entries=False)


def ipv4_problems(path: str, networks: Sequence[str], *, entries: bool = True) -> list[Problem]:
    """Networks of IPv6: the rules of the components' security groups are for IPv4.

    Args:
        path: of the networks.
        networks: in CIDR form.
        entries: whether each has an index in the path.
    """
    return [
        Problem(
            f"{path}[{index}]" if entries else path,
            f"is {cidr}, a network of IPv6",
            "the rules of the security groups hold IPv4 only: AWS refuses it",
            "write a network of IPv4, such as 10.0.0.0/8",
        )
        for index, cidr in enumerate(networks)
        if ":" in cidr
    ]


@dataclass(frozen=True)
class Allowed:
    """A TCP port, and the other end of the connection: a security group or a network.

    Attributes:
        port: of the server side.
        description: of the rule.
        group, cidr: one of the two; the group's id.
    """

    port: int
    description: str
    group: pulumi.Input[str] | None = None
    cidr: pulumi.Input[str] | None = None


def security_group(
    owner: Component[Any],
    location: AwsLocation,
    network: AwsNetwork,
    role: str,
    *,
    purpose: str,
    name: str,
    **options: Any,
) -> CloudResource:
    """A security group without rules: the provider removes AWS's own rule that allows all egress.

    Args:
        owner: the component.
        location: account and region.
        network: the VPC.
        role: the group's role in the component.
        purpose: its description.
        name: what its physical name contains.
        options: resource options.
    """
    return CloudResource(
        SECURITY_GROUP,
        owner.named(role),
        {
            "name": physical_name(SECURITY_GROUP, owner, location, name),
            "description": purpose,
            "vpcId": network.vpc,
            "revokeRulesOnDelete": True,
        },
        opts=owner.owned(**options),
    )


def cidr_in_name(cidr: str) -> str:
    """A CIDR as part of a logical name; an index would change with the list."""
    return cidr.replace("/", "-")


def allow_ingress(
    owner: Component[Any], role: str, group: CloudResource, allowed: Allowed, **options: Any
) -> None:
    """Allows connections to ``group``."""
    _rule(_INGRESS, owner, role, group, allowed, **options)


def allow_egress(
    owner: Component[Any], role: str, group: CloudResource, allowed: Allowed, **options: Any
) -> None:
    """Allows connections from ``group``."""
    _rule(_EGRESS, owner, role, group, allowed, **options)


def _rule(
    token: str,
    owner: Component[Any],
    role: str,
    group: CloudResource,
    allowed: Allowed,
    **options: Any,
) -> None:
    CloudResource(
        token,
        owner.named(role),
        {
            "securityGroupId": group.output("id"),
            "description": allowed.description,
            "ipProtocol": "tcp",
            "fromPort": allowed.port,
            "toPort": allowed.port,
            "cidrIpv4": allowed.cidr,
            "referencedSecurityGroupId": allowed.group,
        },
        opts=owner.owned(**options),
    )
