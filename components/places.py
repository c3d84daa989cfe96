"""Where in a cloud something is put: said once a stack, the same for all that is put there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AwsPlace:
    """A region of an AWS account.

    Attributes:
        account: its twelve digits.
        region: such as eu-central-1.
    """

    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class AwsNetwork:
    """Your own VPC: what is made in it gets security groups, never routes.

    Attributes:
        vpc: its id.
        vpc_cidr: its addresses.
        private_subnets: ids, in two availability zones at least; what runs here reaches the
            internet through their NAT gateway.
        public_subnets: ids, for a load balancer that the internet reaches.
    """

    vpc: str
    vpc_cidr: str
    private_subnets: Sequence[str]
    public_subnets: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class GcpPlace:
    """A region of a Google Cloud project, and the network that private things are on.

    Attributes:
        project: its id.
        region: such as europe-west1.
        network: id of your own VPC, ``projects/…/global/networks/…``; None: nothing private is
            reached or made.
        subnetwork: id of the subnet in that region that instances get their addresses from.
    """

    project: str
    region: str
    network: str | None = None
    subnetwork: str | None = None


@dataclass(frozen=True, kw_only=True)
class AzurePlace:
    """A region of an Azure subscription.

    Attributes:
        subscription, tenant: their ids.
        location: such as westeurope.
        tags: of everything; azure-native has no default tags, so each resource is given them.
    """

    subscription: str
    tenant: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
