"""An `AwsLambda` with minimal arguments, for tests that change one of them."""

from __future__ import annotations

from typing import Any

import pytest

from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs, LambdaEndpoint
from components.base.problems import ProblemReport
from components.mcp.access import Access
from components.mcp.timeout_budget import TimeoutBudget

from . import ResourceGraph
from .clouds import (
    ARCHIVE,
    AWS,
    AWS_TOPIC,
    cloud_config,
    on_aws,
)

FUNCTION = "aws:lambda/function:Function"
BRIEF = TimeoutBudget(longest_tool=20)
NAMED = cloud_config(domain="mcp.example.com", budget=BRIEF)
URL: dict[str, Any] = {"endpoint": LambdaEndpoint.FUNCTION_URL}


def args(**changes: Any) -> AwsLambdaArgs:
    given: dict[str, Any] = {
        "location": AWS,
        "alarm_topic": AWS_TOPIC,
        "archive": ARCHIVE,
        "config": cloud_config(budget=BRIEF),
        "access": Access(public=True),
    }
    return AwsLambdaArgs(**given | changes)


def graph(**changes: Any) -> ResourceGraph:
    return on_aws(lambda opts: AwsLambda("mcp", args(**changes), opts))


def function(**changes: Any) -> dict[str, Any]:
    return graph(**changes).one(FUNCTION).inputs


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return {problem.path.removeprefix("mcp."): str(problem) for problem in report.value.problems}


def slow(seconds: int) -> dict[str, Any]:
    return {"config": cloud_config(budget=TimeoutBudget(longest_tool=seconds))}
