"""What a place to serve from is, and what all of them are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.aws.location import AwsLocation
from components.aws.network import AwsNetwork
from components.azure.location import AzureLocation
from components.gcp.location import GcpLocation
from components.mcp.archive import Archive
from components.mcp.server_config import Auth, CloudServerConfig
from components.mcp.target import McpTarget
from components.mcp.timeout_budget import TimeoutBudget

from ..cloud_providers import CloudProviders
from ..config.stack import StackConfig

ROLE: Final = "tools"
"""What a server in a cloud is for: it has no database of the platform's, and no node."""


@dataclass(frozen=True)
class Clouds:
    """What the builders share: the configuration, the places, the providers, the archives."""

    config: StackConfig
    providers: CloudProviders
    archives: Mapping[str, Archive]

    @property
    def aws(self) -> AwsLocation:
        place = self.config.clouds.aws
        assert place is not None
        return AwsLocation(account=place.account, region=place.region)

    @property
    def aws_network(self) -> AwsNetwork:
        place = self.config.clouds.aws
        assert place is not None
        network = place.network
        assert network is not None
        return AwsNetwork(
            vpc=network.vpc,
            vpc_cidr=network.cidr,
            private_subnets=network.private_subnets,
            public_subnets=network.public_subnets,
        )

    @property
    def alarm_topic(self) -> str | None:
        """ARN of the topic that is told when something on AWS fails."""
        place = self.config.clouds.aws
        return place.alarm_topic if place else None

    @property
    def gcp(self) -> GcpLocation:
        place = self.config.clouds.gcp
        assert place is not None
        return GcpLocation(
            project=place.project,
            region=place.region,
            network=place.network,
            subnetwork=place.subnetwork,
        )

    @property
    def azure(self) -> AzureLocation:
        place = self.config.clouds.azure
        assert place is not None
        return AzureLocation(
            subscription=place.subscription,
            tenant=place.tenant,
            region=place.location,
            tags=self.providers.tags,
        )

    @property
    def protect(self) -> bool:
        """Whether what holds sessions may not be deleted."""
        return self.config.environment == "prod"

    def server(self, *, domain: str | None = None) -> CloudServerConfig:
        """The server's configuration, which is the same everywhere."""
        protocol = self.config.protocol
        assert protocol.jwks_url is not None  # keys_can_be_fetched_from_the_clouds
        return CloudServerConfig(
            role=ROLE,
            auth=Auth(
                issuer=protocol.issuer, audience=protocol.audience, jwks_url=protocol.jwks_url
            ),
            era=protocol.era,
            budget=TimeoutBudget(
                longest_tool=protocol.longest_tool_seconds, drain=protocol.drain_seconds
            ),
            domain=domain,
            log_level="debug" if self.config.environment == "dev" else "info",
        )

    def image(self, own: str | None) -> str:
        """A copy of the server's image, or the image itself."""
        return own or self.config.images.server


@dataclass(frozen=True)
class Target:
    """A place to serve from.

    Attributes:
        name: of the component, and of the entry in the stack's output ``targets``.
        build: makes it.
        host: whose archive it runs; None for a container, which runs an image.
        beside: providers that it goes through, beside its cloud's.
    """

    name: str
    build: Callable[[str, Clouds, pulumi.ResourceOptions], McpTarget[Any]]
    host: str | None = None
    beside: tuple[str, ...] = ()
