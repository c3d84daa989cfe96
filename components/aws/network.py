"""Your VPC, and security groups that allow only the rules listed as resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pulumi

from ..base.arg_types import Cidr
from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.platform_addresses import EVERYWHERE
from ..base.problems import Problem
from ..mcp.auth import Auth
from .arg_types import PrefixListId, SecurityGroupId, SubnetId, TargetNetwork, VpcId
from .location import AwsLocation
from .naming import physical_name

SECURITY_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


TLS: Final = 443
"""The only port that servers may connect to."""
DNS: Final = 53


@dataclass(frozen=True, kw_only=True)
class AwsEgress:
    """What servers may connect to, on port 443.

    Attributes:
        networks: in CIDR form, such as the issuer's.
        groups: ids of security groups, such as that of your VPC endpoints.
        prefix_lists: ids of prefix lists, such as those of S3 and DynamoDB.
        dns_servers: in CIDR form, your own DNS servers, on port 53; the VPC's own resolver needs no
            rule.
    """

    networks: Sequence[TargetNetwork] = ()
    groups: Sequence[SecurityGroupId] = ()
    prefix_lists: Sequence[PrefixListId] = ()
    dns_servers: Sequence[TargetNetwork] = ()

    def refusals(self) -> list[Problem]:
        """Lists that allow nothing."""
        problems: list[Problem] = []
        if not (self.networks or self.groups or self.prefix_lists):
            problems.append(
                Problem(
                    "networks",
                    "is empty, and so are groups and prefix_lists",
                    "the server could fetch neither the issuer's keys nor its own image",
                    "list what it connects to, or leave egress out: any address on port 443",
                )
            )
        return problems


@dataclass(frozen=True, kw_only=True)
class AwsNetwork:
    """Your own VPC. Components add security groups to it; routes and subnets stay yours.

    Attributes:
        vpc: its id.
        vpc_cidr: its addresses.
        private_subnets: ids, in at least two availability zones; tasks connect to the internet
            through the NAT gateway of these subnets.
        public_subnets: ids, for a public load balancer.
        egress: what servers may connect to; None: any address, on port 443.
    """

    vpc: VpcId
    vpc_cidr: Cidr
    private_subnets: Sequence[SubnetId]
    public_subnets: Sequence[SubnetId] = ()
    egress: AwsEgress | None = None

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


def keys_problems(auth: Auth) -> list[Problem]:
    """A problem for each issuer whose keys are at a port that the servers may not connect to."""
    urls = {"config.auth.jwks_url": auth.jwks_url} | {
        f"config.auth.additional_issuers[{index}].jwks_url": other.jwks_url
        for index, other in enumerate(auth.additional_issuers)
    }
    return [
        Problem(
            path,
            f"has a port other than {TLS}",
            f"the server's security group allows connections to port {TLS} only: the server "
            "could not fetch the keys",
            f"publish the keys at https and port {TLS}",
        )
        for path, url in urls.items()
        if not _is_at_tls(url)
    ]


def _is_at_tls(url: str) -> bool:
    try:
        return urlsplit(url).port in (None, TLS)
    except ValueError:
        return False  # no port has this number


@dataclass(frozen=True)
class Allowed:
    """A port, and the other end of the connection.

    Attributes:
        port: of the server side.
        description: of the rule.
        group, cidr, prefix_list: one of the three; ids of the group and of the list.
        protocol: of the connection.
    """

    port: int
    description: str
    group: pulumi.Input[str] | None = None
    cidr: pulumi.Input[str] | None = None
    prefix_list: str | None = None
    protocol: Literal["tcp", "udp"] = "tcp"


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


def allow_outside(
    owner: Component[Any], role: str, group: CloudResource, egress: AwsEgress | None, purpose: str
) -> None:
    """Allows the servers in ``group`` what ``egress`` lists, or every address on port 443."""
    if egress is None:
        allow_egress(owner, f"{role}-out", group, Allowed(TLS, purpose, cidr=EVERYWHERE[0]))
        return
    ends = [
        *(Allowed(TLS, purpose, cidr=cidr) for cidr in egress.networks),
        *(Allowed(TLS, purpose, group=each) for each in egress.groups),
        *(Allowed(TLS, purpose, prefix_list=each) for each in egress.prefix_lists),
        *(
            Allowed(DNS, "Names", cidr=cidr, protocol=protocol)
            for cidr in egress.dns_servers
            for protocol in ("udp", "tcp")
        ),
    ]
    for allowed in ends:
        end = allowed.cidr or allowed.group or allowed.prefix_list
        name = f"{role}-out-to-{cidr_in_name(str(end))}"
        if allowed.port == DNS:
            name += f"-{allowed.protocol}-{DNS}"
        allow_egress(owner, name, group, allowed)


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
            "ipProtocol": allowed.protocol,
            "fromPort": allowed.port,
            "toPort": allowed.port,
            "cidrIpv4": allowed.cidr,
            "referencedSecurityGroupId": allowed.group,
            "prefixListId": allowed.prefix_list,
        },
        opts=owner.owned(**options),
    )
