"""A function, a container and a data tier on AWS with their alarms and the dashboard."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pulumi

from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs, LambdaEndpoint
from components.aws.monitoring import AwsMonitoring
from components.aws.monitoring_args import AwsBudget, AwsMonitoringArgs
from components.mcp.access import Access, NetworkAccess
from tests.harness import Resource, ResourceGraph
from tests.harness.clouds import (
    ARCHIVE,
    AWS,
    AWS_CERTIFICATE,
    AWS_NETWORK,
    AWS_TOPIC,
    cloud_config,
    on_aws,
)

ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"


def program(opts: pulumi.ResourceOptions) -> None:
    config = cloud_config()
    shared: dict[str, Any] = {"location": AWS, "alarm_topic": AWS_TOPIC}
    url = AwsLambda(
        "url",
        AwsLambdaArgs(
            **shared,
            archive=ARCHIVE,
            config=config,
            access=Access(public=True),
            endpoint=LambdaEndpoint.FUNCTION_URL,
            reserved_concurrency=50,
        ),
        opts,
    )
    ecs = EcsFargate(
        "ecs",
        EcsFargateArgs(
            **shared,
            network=AWS_NETWORK,
            image="ghcr.io/qudag/server@sha256:" + "0" * 64,
            config=cloud_config(domain="mcp.example.com"),
            certificate=AWS_CERTIFICATE,
            access=NetworkAccess(public=True),
            min_instances=2,
            max_instances=10,
        ),
        opts,
    )
    data = RdsDataTier(
        "data",
        RdsDataTierArgs(location=AWS, network=AWS_NETWORK, read_replica=True, storage_gb=20),
        opts,
    )
    args = AwsMonitoringArgs(
        location=AWS,
        emails=["on-call@example.com"],
        functions=[url.monitored],
        containers=[ecs.monitored],
        databases=data.monitored_databases,
        caches=data.monitored_caches,
        budget=AwsBudget(amount=500, tag="stack$prod"),
    )
    AwsMonitoring("alarms", args, opts)


@cache
def graph() -> ResourceGraph:
    """One of each thing, with its monitoring."""
    return on_aws(program)


def own(token: str) -> list[Resource]:
    """Resources of the monitoring, not the servers' own alarms."""
    return [one for one in graph().all(token) if one.name.startswith("alarms-")]
