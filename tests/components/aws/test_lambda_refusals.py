"""AwsLambda: limits of AWS, and fields without effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.aws.function import AwsLambda
from components.aws.function_args import Throttle
from components.base.problems import ProblemReport
from tests.harness.aws_lambda import (
    BRIEF,
    NAMED,
    URL,
    refused,
    slow,
)
from tests.harness.clouds import (
    ARCHIVE,
    AWS,
    AWS_CERTIFICATE,
    AWS_SECRET,
    cloud_config,
    on_aws,
)


@pytest.mark.parametrize(
    ("changes", "path", "limit"),
    [
        (slow(61), "config.budget.longest_tool", "at most 25 s"),
        (slow(26), "config.budget.longest_tool", "FUNCTION_URL"),
        ({**URL, **slow(896)}, "config.budget.longest_tool", "1 to 900"),
        ({"websocket": True, **slow(25)}, "config.budget.longest_tool", "1 to 29"),
        ({"memory_mb": 64}, "memory_mb", "128 to 10240"),
        ({"log_retention_days": 31}, "log_retention_days", "write 60"),
        ({"secrets": {"A": AWS_SECRET.replace("qudag-mcp", "other")}}, "secrets.A", "qudag-mcp/"),
        ({"secrets": {"AWS_REGION": AWS_SECRET}}, "secrets.AWS_REGION", "use the name REGION"),
        ({"secrets": {"QUDAG_MCP_CONFIG": AWS_SECRET}}, "secrets.QUDAG_MCP_CONFIG", "reserved"),
        ({**URL, "throttle": Throttle()}, "throttle", "reserved_concurrency"),
        (
            {**URL, "config": NAMED},
            "config.domain",
            "HTTP_API",
        ),
        (
            {"config": NAMED},
            "certificate",
            "set both",
        ),
        ({"certificate": AWS_CERTIFICATE}, "certificate", "set both"),
        (
            {"websocket": True, "config": cloud_config(era="legacy", budget=BRIEF)},
            "websocket",
            "modern era only",
        ),
        ({"config": cloud_config(budget=replace(BRIEF, drain=90))}, "config.budget.drain", "0 s"),
    ],
)
def test_args_beyond_aws_limits_are_refused_with_the_limit(
    changes: dict[str, Any], path: str, limit: str
):
    assert limit in refused(**changes)[path]


def test_an_environment_beyond_four_kilobytes_is_refused():
    secrets = {f"A_SECRET_WITH_A_LONG_NAME_{number}": AWS_SECRET for number in range(40)}
    assert "at most 4096" in refused(secrets=secrets)["environment"]


def test_all_refused_args_are_reported_at_once():
    assert set(refused(memory_mb=64, log_retention_days=31, **slow(61))) == {
        "memory_mb",
        "log_retention_days",
        "config.budget.longest_tool",
    }


def test_access_is_a_required_arg():
    mapping = {"location": {"account": AWS.account, "region": AWS.region}, "archive": vars(ARCHIVE)}
    with pytest.raises(ProblemReport) as report:
        on_aws(lambda opts: AwsLambda("mcp", mapping, opts))
    assert {"mcp.access", "mcp.config"} <= {problem.path for problem in report.value.problems}
