"""A graph of AWS resources with one mistake in it is refused, with path and fix."""

from __future__ import annotations

import functools

import pulumi
import pytest

from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs
from components.aws.monitored import AwsMonitoredFunction
from components.aws.monitoring import AwsMonitoring
from components.aws.monitoring_args import AwsBudget, AwsMonitoringArgs
from components.mcp.access import Access, NetworkAccess
from components.mcp.timeout_budget import TimeoutBudget
from policies import broken_policies
from tests.harness import ResourceGraph
from tests.harness.clouds import (
    ARCHIVE,
    AWS,
    AWS_CERTIFICATE,
    AWS_NETWORK,
    AWS_SECRET,
    AWS_TOPIC,
    cloud_config,
    on_aws,
)
from tests.harness.tiers import sampled
from tests.policies.broken import Broken, table


@functools.cache
def sound() -> ResourceGraph:
    """All that the components make on AWS."""

    def program(opts: pulumi.ResourceOptions) -> None:
        brief = cloud_config(budget=TimeoutBudget(longest_tool=20))
        function = AwsLambdaArgs(
            location=AWS,
            alarm_topic=AWS_TOPIC,
            archive=ARCHIVE,
            config=brief,
            access=Access(public=True),
            websocket=True,
            network=AWS_NETWORK,
            tracing=True,
            access_log_days=30,
            secrets={"API_KEY": AWS_SECRET},
        )
        AwsLambda("fn", function, opts)
        tasks = EcsFargateArgs(
            location=AWS,
            alarm_topic=AWS_TOPIC,
            network=AWS_NETWORK,
            image="ghcr.io/qudag/server@sha256:" + "0" * 64,
            config=cloud_config(domain="mcp.example.com"),
            certificate=AWS_CERTIFICATE,
            access=NetworkAccess(public=True),
        )
        EcsFargate("ecs", tasks, opts)
        RdsDataTier("data", RdsDataTierArgs(location=AWS, network=AWS_NETWORK), opts)
        watched = AwsMonitoredFunction(name="weather", function="weather-1a2b3c4d")
        alarms = AwsMonitoringArgs(
            location=AWS,
            emails=["on-call@example.com"],
            functions=[watched],
            budget=AwsBudget(amount=500),
        )
        AwsMonitoring("alarms", alarms, opts)

    return on_aws(program)


def test_a_sound_graph_keeps_every_policy():
    assert broken_policies(sound()) == []


@pytest.mark.parametrize("broken", sampled(table("broken_aws.yaml"), 3))
def test_a_mistake_is_refused_with_path_and_fix(broken: Broken):
    problems = broken_policies(broken.of(sound()))
    fixes = [problem.fix for problem in problems if problem.path == broken.at]
    assert any(broken.fix in fix for fix in fixes), problems


def test_an_environment_beyond_four_kilobytes_is_refused():
    long = Broken(
        resource="fn-function",
        path="environment.variables.MUCH",
        value="x" * 4096,
        at="fn-function.environment.variables",
        fix="set fewer or shorter",
    )
    test_a_mistake_is_refused_with_path_and_fix(long)
