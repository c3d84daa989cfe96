"""AWS: its provider, its rules and its servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.aws.forms import (
    ACCOUNT,
    BUCKET,
    CERTIFICATE,
    KEY,
    PREFIX_LIST,
    REGION,
    SECRET,
    SECURITY_GROUP,
    SUBNET,
    TARGET_NETWORK,
    TOPIC,
    VPC,
    WEB_ACL,
)
from components.base.problems import Problem
from components.mcp.server_config import CloudServerConfig
from components.mcp.target import McpTarget

from ..config.problem import at
from .aws_otlp import aws_receiver, receivers_can_be_reached
from .aws_sections import Aws, AwsContainer, AwsFunction, AwsUserServer
from .aws_sections import AwsNetwork as AwsNetworkSection
from .otlp import otlp_rules
from .target import (
    CloudSections,
    CloudTarget,
    Deployment,
    Monitored,
    Server,
    Shared,
    UserImage,
    UserPlace,
    UserServers,
)

if TYPE_CHECKING:
    from components.aws.location import AwsLocation
    from components.aws.monitoring import AwsMonitoring
    from components.aws.network import AwsNetwork

MONITORING: Final = "aws-monitoring"
"""Name of the component with the alarms."""

AwsSections = CloudSections[Aws, AwsFunction, AwsContainer]


def load_balancers_have_a_network(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A load balancer and its tasks need a VPC with subnets."""
    section, location = sections.containers, sections.location
    used = section and (section.enabled or section.servers)
    if used and location and location.network is None:
        yield at(
            "clouds.aws.network",
            "is missing, and containers.aws is switched on or has servers",
            "its load balancer and its tasks have no subnet to stand in",
            "set vpc, cidr, publicSubnets and privateSubnets, or containers.aws.enabled: false",
        )


def load_balancers_have_a_certificate(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """The load balancer of the reference server has a host name and its certificate."""
    section = sections.containers
    if section is None or not section.enabled:
        return
    for name, value, fix in (
        ("domain", section.domain, "a host name, such as mcp.example.com"),
        ("certificate", section.certificate, "the ARN of its certificate"),
    ):
        if value is None:
            yield at(
                f"containers.aws.{name}",
                "is missing",
                "no client could verify the certificate of the load balancer",
                f"write {fix}, or set containers.aws.enabled: false",
            )


def functions_in_a_vpc_have_one(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A function in a VPC needs its subnets."""
    section, location = sections.serverless, sections.location
    if section and section.enabled and section.vpc and location and location.network is None:
        yield at(
            "clouds.aws.network",
            "is missing, and serverless.aws.vpc is true",
            "the function has no subnet to connect through",
            "set vpc, cidr, publicSubnets and privateSubnets, or serverless.aws.vpc: false",
        )


def alarms_of_prod_notify_someone(sections: AwsSections, shared: Shared) -> Iterator[Problem]:
    """Alarms of prod notify a topic."""
    location = sections.location
    both = (sections.serverless, sections.containers)
    servers = sections.containers.servers if sections.containers else {}
    on = servers or any(each and each.enabled for each in both)
    told = location is None or location.alarm_topic or location.monitoring
    if shared.environment == "prod" and on and not told:
        yield at(
            "clouds.aws.alarmTopic",
            "is missing, and the environment is prod",
            "alarms would be visible in CloudWatch only",
            "set the ARN of an SNS topic (aws sns create-topic --name on-call), or set "
            "clouds.aws.monitoring.emails",
        )


def someone_is_told(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """With monitoring there is an address or a topic."""
    location = sections.location
    monitoring = location.monitoring if location else None
    if location and monitoring and not monitoring.emails and location.alarm_topic is None:
        yield at(
            "clouds.aws.monitoring.emails",
            "is empty, and clouds.aws.alarmTopic is missing",
            "alarms would notify nobody",
            "write an address, or set clouds.aws.alarmTopic",
        )


def secrets_are_of_the_same_account(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A role can be given rights on secrets of its own account and region only."""
    location = sections.location
    if location is None:
        return
    servers = sections.containers.servers if sections.containers else {}
    token = location.otlp.token if location.otlp else None
    named = {
        **{f"containers.aws.servers.{name}": entry.secrets for name, entry in servers.items()},
        **({"serverless.aws": sections.serverless.secrets} if sections.serverless else {}),
        **({"containers.aws": sections.containers.secrets} if sections.containers else {}),
    }
    arns = {
        **({"clouds.aws.otlp.token": token} if token else {}),
        **{
            f"{path}.secrets.{name}": arn
            for path, secrets in named.items()
            for name, arn in secrets.items()
        },
    }
    for path, arn in arns.items():
        region, account = arn.split(":")[3:5]
        if (region, account) != (location.region, location.account):
            yield at(
                path,
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
    from components.mcp.access import Access

    args = AwsLambdaArgs(
        location=aws_location(location),
        archive=deployment.archives["aws-lambda"],
        config=deployment.server(domain=section.domain),
        certificate=section.certificate,
        throttle=Throttle(**section.throttle.model_dump()) if section.throttle else None,
        **_alarm_topic(location),
        kms_key=location.kms_key,
        access_log_days=section.access_log_days,
        network=aws_network(location.network) if section.vpc and location.network else None,
        tracing=section.tracing,
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
    from components.mcp.access import NetworkAccess

    assert section.certificate is not None  # load_balancers_have_a_certificate
    args = EcsFargateArgs(
        **_of_every_container(location, section, deployment),
        config=_with_memory(section, deployment.server(domain=section.domain)),
        certificate=section.certificate,
        access=NetworkAccess(public=section.public, allowed_networks=section.clients),
        secrets=section.secrets,
        **_database(section, deployment),
        cpu=section.cpu / CPU_UNITS,
        memory_mb=section.memory_mb,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
    )
    return EcsFargate(name, args, opts=options)


def _with_memory(section: AwsContainer, config: CloudServerConfig) -> CloudServerConfig:
    """The server's configuration; with a database it has the tools that need one."""
    return replace(config, role="core") if section.database else config


def _database(section: AwsContainer, deployment: Deployment) -> dict[str, Any]:
    from components.mcp.cloud_database import CloudDatabase

    if section.database is None:
        return {}
    tier = deployment.database
    assert tier is not None  # databases_of_containers_are_there
    used = CloudDatabase(host=tier.host, user=tier.database_user, password_secret=tier.url_secret)
    return {"database": used, "database_authority": section.database.ca}


def _user_server(
    name: str,
    place: UserPlace[Aws, AwsContainer],
    deployment: Deployment,
    image: UserImage,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.aws.container import EcsFargate
    from components.aws.container_args import EcsFargateArgs, task_size
    from components.mcp.access import NetworkAccess

    entry: AwsUserServer = place.entry
    cpu, memory_mb = task_size(image.container)
    args = EcsFargateArgs(
        **_of_every_container(place.location, place.section, deployment),
        config=deployment.server(domain=entry.domain),
        certificate=entry.certificate,
        access=NetworkAccess(public=entry.public, allowed_networks=entry.clients),
        secrets=entry.secrets,
        upstream=image.container,
        cpu=cpu,
        memory_mb=memory_mb,
        min_instances=image.min_instances,
        max_instances=image.max_instances,
        cpu_target=image.cpu_target,
    )
    return EcsFargate(name, args, opts=options)


def _of_every_container(
    location: Aws, section: AwsContainer, deployment: Deployment
) -> dict[str, Any]:
    """The arguments that the containers of a stack have in common."""
    network = location.network
    assert network is not None  # load_balancers_have_a_network
    return dict(
        location=aws_location(location),
        network=aws_network(network),
        otlp=aws_receiver(location, deployment.shared),
        image=section.image or deployment.shared.image,
        architecture=section.architecture,
        access_logs_bucket=section.access_logs_bucket,
        access_log_days=section.access_log_days,
        web_acl=section.web_acl,
        http_redirect=section.http_redirect,
        **_alarm_topic(location),
        kms_key=location.kms_key,
        tls_minimum=deployment.shared.tls_minimum,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )


def _alarm_topic(location: Aws) -> dict[str, Any]:
    """What the servers' own alarms notify: your topic, or that of ``AwsMonitoring``."""
    if location.alarm_topic or location.monitoring is None:
        topic = location.alarm_topic
        return dict(alarm_topic=topic, alarms_without_topic=topic is None)
    from components.aws.alarm_topic import alarm_topic_arn

    return dict(alarm_topic=alarm_topic_arn(MONITORING, aws_location(location)))


def _monitor(
    location: Aws, monitored: Monitored, options: pulumi.ResourceOptions
) -> AwsMonitoring | None:
    section = location.monitoring
    if section is None:
        return None
    from components.aws.container import EcsFargate
    from components.aws.database import RdsDataTier
    from components.aws.function import AwsLambda
    from components.aws.monitoring import AwsMonitoring
    from components.aws.monitoring_args import AwsBudget, AwsMonitoringArgs

    parts, budget = monitored.components, section.budget
    tiers = [one for one in parts if isinstance(one, RdsDataTier)]
    tag = f"stack${monitored.tags['stack']}" if budget and budget.by_tag else None
    args = AwsMonitoringArgs(
        location=aws_location(location),
        emails=section.emails,
        topic=location.alarm_topic,
        kms_key=location.kms_key,
        objectives=monitored.objectives,
        thresholds=monitored.thresholds,
        functions=[one.monitored for one in parts if isinstance(one, AwsLambda)],
        containers=[one.monitored for one in parts if isinstance(one, EcsFargate)],
        databases=[each for one in tiers for each in one.monitored_databases],
        caches=[each for one in tiers for each in one.monitored_caches],
        budget=AwsBudget(amount=budget.monthly_amount, tag=tag) if budget else None,
    )
    return AwsMonitoring(MONITORING, args, opts=options)


def aws_location(location: Aws) -> AwsLocation:
    """The account and the region, as components take them."""
    from components.aws.location import AwsLocation

    return AwsLocation(account=location.account, region=location.region)


def aws_network(network: AwsNetworkSection) -> AwsNetwork:
    """The VPC, as components take it."""
    from components.aws.network import AwsEgress, AwsNetwork

    egress = network.egress
    return AwsNetwork(
        vpc=network.vpc,
        vpc_cidr=network.cidr,
        private_subnets=network.private_subnets,
        public_subnets=network.public_subnets,
        egress=AwsEgress(**egress.model_dump()) if egress else None,
    )


TARGET: Final = CloudTarget(
    location=Aws,
    forms=(
        *(ACCOUNT, REGION, VPC, SUBNET, SECURITY_GROUP, PREFIX_LIST, TARGET_NETWORK),
        *(CERTIFICATE, SECRET, TOPIC, BUCKET, KEY, WEB_ACL),
    ),
    provider=_provider,
    rules=(
        (("clouds.aws", "containers.aws"), load_balancers_have_a_network),
        (("containers.aws",), load_balancers_have_a_certificate),
        (("clouds.aws", "serverless.aws"), functions_in_a_vpc_have_one),
        (
            ("clouds.aws", "serverless.aws", "containers.aws", "environment"),
            alarms_of_prod_notify_someone,
        ),
        (("clouds.aws",), someone_is_told),
        (("clouds.aws", "serverless.aws", "containers.aws"), secrets_are_of_the_same_account),
        *otlp_rules("aws"),
        (("clouds.aws",), receivers_can_be_reached),
    ),
    monitor=_monitor,
    serverless=Server(
        name="aws-function",
        section=AwsFunction,
        build=_function,
        drains=lambda _section: False,
        host="aws-lambda",
    ),
    containers=Server(
        name="aws-container",
        section=AwsContainer,
        build=_container,
        drains=lambda _section: True,
        user_servers=UserServers(section=AwsUserServer, build=_user_server),
    ),
)
"""What the stacks know of AWS."""
