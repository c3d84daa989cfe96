"""Where in AWS something is put: said once a stack, the same for all that is put there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
