"""The servers in the clouds: what is switched on, as the component that it is.

Another place to serve from is one entry in TARGETS, and its section in the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pulumi

from components.archive import Archive
from components.budget import TimeoutBudget
from components.places import AwsNetwork, AwsPlace, AzurePlace, GcpPlace
from components.problems import Problem, ProblemReport
from components.server_config import Auth, ServerConfig
from components.target import McpTarget

from .archives import HOSTS, ensure
from .cloud_providers import CloudProviders
from .cloud_rules import switched_on
from .config import StackConfig

ROLE: Final = "tools"
"""What a server in a cloud is for: it has no database of the platform's, and no node."""


@dataclass(frozen=True)
class Clouds:
    """What the builders share: the configuration, the places, the providers, the archives."""

    config: StackConfig
    providers: CloudProviders
    archives: Mapping[str, Archive]

    @property
    def aws(self) -> AwsPlace:
        place = self.config.clouds.aws
        assert place is not None
        return AwsPlace(account=place.account, region=place.region)

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
    def gcp(self) -> GcpPlace:
        place = self.config.clouds.gcp
        assert place is not None
        return GcpPlace(
            project=place.project,
            region=place.region,
            network=place.network,
            subnetwork=place.subnetwork,
        )

    @property
    def azure(self) -> AzurePlace:
        place = self.config.clouds.azure
        assert place is not None
        return AzurePlace(
            subscription=place.subscription,
            tenant=place.tenant,
            location=place.location,
            tags=self.providers.tags,
        )

    @property
    def protect(self) -> bool:
        """Whether what holds sessions may not be deleted."""
        return self.config.environment == "prod"

    def server(self, *, domain: str | None = None) -> ServerConfig:
        """The server's configuration, which is the same everywhere."""
        protocol = self.config.protocol
        return ServerConfig(
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


def cloud_targets(config: StackConfig) -> dict[str, McpTarget[Any]]:
    """Every server in a cloud that is switched on, by its name.

    Raises:
        ProblemReport: what their clouds cannot do, of all of them at once, by section.
    """
    on = [TARGETS[kind, cloud] for kind, cloud in switched_on(config)]
    hosts = [HOSTS[target.host] for target in on if target.host]
    archives = {host.name: made for host, made in zip(hosts, ensure(hosts), strict=True)}
    clouds = Clouds(config, CloudProviders(config), archives)
    made: dict[str, McpTarget[Any]] = {}
    problems: list[Problem] = []
    for (kind, cloud), target in zip(switched_on(config), on, strict=True):
        options = pulumi.ResourceOptions(providers=clouds.providers.of([cloud, *target.beside]))
        try:
            made[target.name] = target.build(target.name, clouds, options)
        except ProblemReport as report:
            section = f"qudag-mcp:{kind}.{cloud}"
            problems += [replace(one, path=f"{section} ({one.path})") for one in report.problems]
    if problems:
        raise ProblemReport(problems)
    return made


def _aws_function(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.functions.aws_fronts import Front
    from components.functions.aws_lambda import AwsLambda, AwsLambdaArgs

    section = clouds.config.serverless.aws
    assert section is not None
    args = AwsLambdaArgs(
        place=clouds.aws,
        archive=clouds.archives["aws-lambda"],
        config=clouds.server(),
        public=section.public,
        front=Front(section.front),
        websocket=section.websocket,
        secrets=section.secrets,
        memory=section.memory_mb,
        reserved_concurrency=section.reserved_concurrency,
        log_retention=section.log_retention_days,
        protect=clouds.protect,
    )
    return AwsLambda(name, args, opts=options)


def _aws_container(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.containers.ecs_fargate import EcsFargate, EcsFargateArgs

    section = clouds.config.containers.aws
    assert section is not None
    args = EcsFargateArgs(
        place=clouds.aws,
        network=clouds.aws_network,
        image=clouds.image(section.image),
        config=clouds.server(domain=section.domain),
        certificate=section.certificate,
        public=section.public,
        allowed_from=section.clients,
        secrets=section.secrets,
        min_tasks=section.min_instances,
        max_tasks=section.max_instances,
        tls_minimum=clouds.config.edge.tls_minimum,
        log_retention=section.log_retention_days,
        protect=clouds.protect,
    )
    return EcsFargate(name, args, opts=options)


def _gcp_function(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.functions.gcp_function import GcpFunction, GcpFunctionArgs
    from components.gcp import GcpAccess

    section = clouds.config.serverless.gcp
    assert section is not None
    args = GcpFunctionArgs(
        place=clouds.gcp,
        archive=clouds.archives["gcp-function"],
        config=clouds.server(),
        access=GcpAccess(public=section.public, invokers=section.invokers),
        secrets=section.secrets,
        memory=f"{section.memory_mb}Mi",
        concurrency=section.concurrency,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        protect=clouds.protect,
    )
    return GcpFunction(name, args, opts=options)


def _gcp_container(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.containers.cloud_run import CloudRun, CloudRunArgs
    from components.gcp import GcpAccess

    section = clouds.config.containers.gcp
    assert section is not None
    args = CloudRunArgs(
        place=clouds.gcp,
        image=clouds.image(section.image),
        config=clouds.server(),
        access=GcpAccess(public=section.public, invokers=section.invokers),
        secrets=section.secrets,
        concurrency=section.concurrency,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        protect=clouds.protect,
    )
    return CloudRun(name, args, opts=options)


def _azure_function(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.functions.azure_function import (
        AzureAccess,
        AzureFunction,
        AzureFunctionArgs,
    )

    section = clouds.config.serverless.azure
    assert section is not None
    args = AzureFunctionArgs(
        place=clouds.azure,
        archive=clouds.archives["azure-function"],
        config=clouds.server(),
        access=AzureAccess(public=section.public, allowed_from=section.clients),
        memory_mb=section.memory_mb,
        max_instances=section.max_instances,
        protect=clouds.protect,
    )
    return AzureFunction(name, args, opts=options)


def _azure_container(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.azure import AzureSecrets
    from components.containers.azure_container import AzureContainer
    from components.containers.azure_container_args import AzureContainerArgs, AzureContainerKind

    section = clouds.config.containers.azure
    assert section is not None
    secrets = AzureSecrets(vault=section.vault, versions=section.secrets) if section.vault else None
    args = AzureContainerArgs(
        place=clouds.azure,
        image=clouds.image(section.image),
        config=clouds.server(domain=section.domain),
        kind=AzureContainerKind(section.kind),
        public=section.public,
        subnet=section.subnet,
        registry=section.registry,
        secrets=secrets,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        protect=clouds.protect,
    )
    return AzureContainer(name, args, opts=options)


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


TARGETS: Final[Mapping[tuple[str, str], Target]] = {
    ("serverless", "aws"): Target("aws-function", _aws_function, "aws-lambda"),
    ("serverless", "gcp"): Target("gcp-function", _gcp_function, "gcp-function"),
    ("serverless", "azure"): Target(
        "azure-function", _azure_function, "azure-function", beside=("command",)
    ),
    ("containers", "aws"): Target("aws-container", _aws_container),
    ("containers", "gcp"): Target("gcp-container", _gcp_container),
    ("containers", "azure"): Target("azure-container", _azure_container),
}
"""By section and cloud."""
