"""AWS: its sections of the stack file, its provider, its rules and its servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import pulumi
from pydantic import AfterValidator, Field

from components.aws.facts import LOG_RETENTION_DAYS
from components.aws.forms import ACCOUNT, BUCKET, CERTIFICATE, REGION, SECRET, SUBNET, TOPIC, VPC
from components.base.problems import Problem
from components.mcp.target import McpTarget

from ..config.cloud_forms import Variable
from ..config.cloud_servers import MostInstances, Public, ServerSection
from ..config.forms import Cidr, Domain, Image, constraint, refusal
from ..config.problem import at
from ..config.section import Section
from .target import CloudSections, CloudTarget, Deployment, Server, Shared

Certificate = Annotated[str, constraint(CERTIFICATE)]
Secrets = Annotated[
    dict[Variable, Annotated[str, constraint(SECRET)]],
    Field(description="Secrets by environment variable."),
]


def _kept_days(days: int) -> int:
    if days in LOG_RETENTION_DAYS:
        return days
    more = next((each for each in LOG_RETENTION_DAYS if each > days), LOG_RETENTION_DAYS[-1])
    raise refusal(
        f"is {days}, which CloudWatch Logs does not offer",
        "the log group could not be made (CloudWatch Logs API, PutRetentionPolicy)",
        f"write {more}, or another of: {', '.join(map(str, LOG_RETENTION_DAYS))}",
    )


LogDays = Annotated[
    int, Field(ge=1, le=3653, description="Days that logs are kept."), AfterValidator(_kept_days)
]


class AwsNetwork(Section):
    """The VPC that load balancers, tasks and databases are put into; it is yours."""

    vpc: Annotated[str, constraint(VPC)] = Field(description="Id of the VPC.")
    cidr: Cidr = Field(
        description="Its addresses; they may connect to targets that are not public."
    )
    public_subnets: list[Annotated[str, constraint(SUBNET)]] = Field(
        min_length=2, description="With a route to an internet gateway, in two zones at least."
    )
    private_subnets: list[Annotated[str, constraint(SUBNET)]] = Field(
        min_length=2, description="Without a route from the internet, in two zones at least."
    )


class Aws(Section):
    """An AWS account, and a region in it."""

    account: Annotated[str, constraint(ACCOUNT)] = Field(
        description="Number of the account; credentials of another one are refused."
    )
    region: Annotated[str, constraint(REGION)] = Field(description="Region of all resources.")
    network: AwsNetwork | None = Field(
        default=None, description="Your VPC; absent: no target that needs a network."
    )
    alarm_topic: Annotated[str, constraint(TOPIC)] | None = Field(
        default=None, description="Topic that alarms notify; absent: they are in CloudWatch only."
    )


class Throttle(Section):
    """What the APIs of a function take, all clients together; beyond it, 429."""

    requests_per_second: int = Field(default=10, ge=1, le=10_000, description="Sustained rate.")
    burst: int = Field(default=20, ge=1, le=5_000, description="Requests at once.")


class AwsFunction(ServerSection):
    """The server as a function of AWS Lambda."""

    front: Literal["http-api", "function-url"] = Field(
        default="http-api",
        description="http-api: API Gateway, calls of at most 30 s; function-url: streams, 15 min.",
    )
    public: Public = False
    domain: Domain | None = Field(
        default=None, description="Host name of the HTTP API; absent: a name of AWS."
    )
    certificate: Certificate | None = Field(
        default=None, description="The domain's certificate, in the same region."
    )
    websocket: bool = Field(default=False, description="Create a WebSocket API too.")
    throttle: Throttle | None = Field(
        default=None, description="Rate limit of the APIs; absent: 10 requests a second, burst 20."
    )
    memory_mb: int = Field(
        default=1024, ge=128, le=10240, description="Memory in MB; CPU grows with it."
    )
    reserved_concurrency: int = Field(
        default=50, ge=1, le=10_000, description="Concurrent calls; more are refused with 429."
    )
    log_retention_days: LogDays = 30
    secrets: Secrets = {}


class AwsContainer(ServerSection):
    """The server as a service of ECS on Fargate, behind a load balancer."""

    public: Public = False
    domain: Domain = Field(description="Host name that the certificate covers.")
    certificate: Certificate = Field(description="Certificate of the load balancer.")
    clients: list[Cidr] = Field(
        default=[],
        description="Networks that may connect if it is not public; empty: the VPC.",
    )
    image: Image | None = Field(default=None, description="Absent: images.server.")
    architecture: Literal["X86_64", "ARM64"] = Field(
        default="X86_64", description="CPU architecture of the image."
    )
    cpu: Literal[256, 512, 1024, 2048, 4096] = Field(
        default=512, description="CPU units of a task; 1024 are one CPU."
    )
    memory_mb: int = Field(default=1024, ge=512, le=30_720, description="Memory of a task in MiB.")
    access_logs_bucket: Annotated[str, constraint(BUCKET)] | None = Field(
        default=None, description="A bucket of yours for the load balancer's access log."
    )
    min_instances: int = Field(default=2, ge=1, le=1000, description="Fewest tasks.")
    max_instances: MostInstances = 10
    log_retention_days: LogDays = 30
    secrets: Secrets = {}


AwsSections = CloudSections[Aws, AwsFunction, AwsContainer]


def load_balancers_have_a_network(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A load balancer and its tasks need a VPC with subnets."""
    section, location = sections.containers, sections.location
    if section and section.enabled and location and location.network is None:
        yield at(
            "clouds.aws.network",
            "is missing, and containers.aws is switched on",
            "its load balancer and its tasks have no subnet to stand in",
            "set vpc, cidr, publicSubnets and privateSubnets, or containers.aws.enabled: false",
        )


def secrets_are_of_the_same_account(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A role can be given rights on secrets of its own account and region only."""
    location = sections.location
    if location is None:
        return
    for kind, section in (
        ("serverless", sections.serverless),
        ("containers", sections.containers),
    ):
        for name, arn in section.secrets.items() if section else ():
            region, account = arn.split(":")[3:5]
            if (region, account) != (location.region, location.account):
                yield at(
                    f"{kind}.aws.secrets.{name}",
                    f"is in {account}, {region}, and the stack in {location.account}, "
                    f"{location.region}",
                    "the server could not read it when it starts",
                    "copy the secret there, and write the copy's ARN",
                )


def _provider(location: Aws, tags: Mapping[str, str]) -> pulumi.ProviderResource:
    """For the account of the configuration; credentials for another one are refused."""
    return pulumi.ProviderResource(
        "aws",
        "aws",
        {
            "region": location.region,
            # A provider's own lists and objects travel as JSON.
            "allowedAccountIds": json.dumps([location.account]),
            "defaultTags": json.dumps({"tags": tags}),
        },
    )


def _function(
    name: str,
    location: Aws,
    section: AwsFunction,
    deployment: Deployment,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.aws.function import AwsLambda
    from components.aws.function_args import AwsLambdaArgs, LambdaEndpoint, Throttle
    from components.aws.location import AwsLocation
    from components.mcp.access import Access

    args = AwsLambdaArgs(
        location=AwsLocation(account=location.account, region=location.region),
        archive=deployment.archives["aws-lambda"],
        config=deployment.server(domain=section.domain),
        certificate=section.certificate,
        throttle=Throttle(**section.throttle.model_dump()) if section.throttle else None,
        alarm_topic=location.alarm_topic,
        access=Access(public=section.public),
        endpoint=LambdaEndpoint(section.front),
        websocket=section.websocket,
        secrets=section.secrets,
        memory_mb=section.memory_mb,
        reserved_concurrency=section.reserved_concurrency,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return AwsLambda(name, args, opts=options)


def _container(
    name: str,
    location: Aws,
    section: AwsContainer,
    deployment: Deployment,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.aws.container import EcsFargate
    from components.aws.container_args import CPU_UNITS, EcsFargateArgs
    from components.aws.location import AwsLocation
    from components.aws.network import AwsNetwork
    from components.mcp.access import NetworkAccess

    network = location.network
    assert network is not None  # load_balancers_have_a_network
    args = EcsFargateArgs(
        location=AwsLocation(account=location.account, region=location.region),
        network=AwsNetwork(
            vpc=network.vpc,
            vpc_cidr=network.cidr,
            private_subnets=network.private_subnets,
            public_subnets=network.public_subnets,
        ),
        image=section.image or deployment.shared.image,
        config=deployment.server(domain=section.domain),
        certificate=section.certificate,
        access=NetworkAccess(public=section.public, allowed_networks=section.clients),
        secrets=section.secrets,
        cpu=section.cpu / CPU_UNITS,
        memory_mb=section.memory_mb,
        architecture=section.architecture,
        access_logs_bucket=section.access_logs_bucket,
        alarm_topic=location.alarm_topic,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        tls_minimum=deployment.shared.tls_minimum,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return EcsFargate(name, args, opts=options)


TARGET: Final = CloudTarget(
    location=Aws,
    forms=(ACCOUNT, REGION, VPC, SUBNET, CERTIFICATE, SECRET, TOPIC, BUCKET),
    provider=_provider,
    rules=(
        (("clouds.aws", "containers.aws"), load_balancers_have_a_network),
        (("clouds.aws", "serverless.aws", "containers.aws"), secrets_are_of_the_same_account),
    ),
    serverless=Server(
        name="aws-function",
        section=AwsFunction,
        build=_function,
        drains=lambda _section: False,
        host="aws-lambda",
    ),
    containers=Server(
        name="aws-container", section=AwsContainer, build=_container, drains=lambda _section: True
    ),
)
"""What the stacks know of AWS."""
