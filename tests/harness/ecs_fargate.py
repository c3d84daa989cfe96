"""An `EcsFargate` with minimal arguments, for tests that change one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.base.problems import ProblemReport
from components.mcp.access import NetworkAccess
from components.mcp.timeout_budget import TimeoutBudget

from . import ResourceGraph
from .clouds import (
    AWS,
    AWS_CERTIFICATE,
    AWS_NETWORK,
    AWS_TOPIC,
    cloud_config,
    on_aws,
)

CONFIG = cloud_config(domain="mcp.example.com")


def args(**changes: Any) -> EcsFargateArgs:
    given: dict[str, Any] = {
        "location": AWS,
        "alarm_topic": AWS_TOPIC,
        "network": AWS_NETWORK,
        "image": "ghcr.io/qudag/server@sha256:" + "0" * 64,
        "config": CONFIG,
        "certificate": AWS_CERTIFICATE,
        "access": NetworkAccess(public=True),
    }
    return EcsFargateArgs(**given | changes)


def graph(**changes: Any) -> ResourceGraph:
    return on_aws(lambda opts: EcsFargate("mcp", args(**changes), opts))


def refused(**changes: Any) -> dict[str, str]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return {problem.path.removeprefix("mcp."): str(problem) for problem in report.value.problems}


def slow(seconds: int) -> dict[str, Any]:
    return {"config": replace(CONFIG, budget=TimeoutBudget(longest_tool=seconds))}
