"""What AwsLambda refuses: what AWS publishes that it cannot do, and what would mean nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..base.limits import Limit
from ..base.problems import Problem
from ..mcp.cloud_server import drain_problems
from ..mcp.timeout_budget import STEP, Distance
from .facts import (
    HTTP_API_TIMEOUT,
    LAMBDA_ENVIRONMENT,
    LAMBDA_MEMORY,
    LAMBDA_TIMEOUT,
    WEBSOCKET_API_TIMEOUT,
)
from .function_endpoints import LambdaFront
from .identity import reserved_problems, retention_problems, secret_problems

if TYPE_CHECKING:
    from .function import AwsLambdaArgs

RESERVED = ("AWS_", "LAMBDA_", "QUDAG_MCP_")
"""Beginnings of variables that the runtime of Lambda or the component itself sets."""

STOPS = (
    "Lambda ends a function 0 s after its last call (AWS Lambda Developer Guide, Shutdown phase)"
)


def problems(args: AwsLambdaArgs) -> list[Problem]:
    """All that cannot be, at once."""
    streams = args.front is LambdaFront.FUNCTION_URL
    return [
        *_too_long(args, LAMBDA_TIMEOUT, "split the tool, or run the server in containers"),
        *([] if streams else _too_long(args, HTTP_API_TIMEOUT, "use front FUNCTION_URL")),
        *(
            _too_long(args, WEBSOCKET_API_TIMEOUT, "set websocket to false")
            if args.websocket
            else []
        ),
        *LAMBDA_MEMORY.problems("memory", args.memory, fix="write 1024"),
        *retention_problems("log_retention", args.log_retention),
        *secret_problems(args.secrets),
        *reserved_problems(args.secrets, RESERVED),
        *drain_problems(args.config, stops=STOPS),
        *_meaningless(args, streams=streams),
    ]


def environment_problems(variables: Mapping[str, str]) -> list[Problem]:
    """Whether AWS takes so much environment; known once everything in it is."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    fix = "give the function fewer secrets, or shorter names"
    return LAMBDA_ENVIRONMENT.problems("environment", size, fix=fix)


def _too_long(args: AwsLambdaArgs, limit: Limit, fix: str) -> list[Problem]:
    """Whoever waits for the tool waits a step longer, so that the answer is the tool's."""
    waits = args.config.budget.at(Distance.GATEWAY).timeout
    longest = limit.most - STEP
    return limit.problems(
        "config.budget.longest_tool",
        waits,
        fix=f"set at most {longest} s for the longest tool, or {fix}",
    )


def _meaningless(args: AwsLambdaArgs, *, streams: bool) -> list[Problem]:
    found: list[Problem] = []
    if args.websocket and args.config.era == "legacy":
        found.append(
            Problem(
                "websocket",
                "is true, and the era is legacy",
                "WebSockets carry messages of the modern era alone: every one would be refused",
                "set websocket to false, or the era to dual",
            )
        )
    if streams and args.throttle and not args.websocket:
        found.append(
            Problem(
                "throttle",
                "is set, and there is no API to throttle",
                "a function URL has no rate limit (AWS Lambda Developer Guide, Function URLs)",
                "leave it out: reserved_concurrency bounds the calls at once; or use HTTP_API",
            )
        )
    if args.config.domain and streams:
        found.append(
            Problem(
                "config.domain",
                f"is {args.config.domain}, and the front is a function URL",
                "a function URL has no other host name (AWS Lambda Developer Guide, Function URLs)",
                "leave the domain out, or use front HTTP_API",
            )
        )
    elif bool(args.config.domain) != bool(args.certificate):
        found.append(
            Problem(
                "certificate",
                "belongs to config.domain: one of the two is missing",
                "API Gateway serves a domain of yours only with its certificate",
                "set both, or neither",
            )
        )
    return found
