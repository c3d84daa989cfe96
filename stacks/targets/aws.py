"""AWS: its provider and its servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from components.mcp.server_config import CloudServerConfig
from components.mcp.target import McpTarget

from .aws_otlp import aws_receiver
from .aws_rules import RULES
from .aws_sections import Aws, AwsContainer, AwsFunction, AwsUserServer
from .aws_sections import AwsNetwork as AwsNetworkSection
from .target import (
    CloudTarget,
    Deployment,
    Monitored,
    Server,
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
    rules=RULES,
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
