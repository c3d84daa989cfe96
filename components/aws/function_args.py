"""Args of AwsLambda, and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from ..base.limits import Limit
from ..base.problems import Problem
from ..mcp.archive import Archive
from ..mcp.cloud_server import drain_problems
from ..mcp.timeout_budget import STEP, Distance
from .arg_types import Certificate
from .limits import (
    HTTP_API_TIMEOUT,
    LAMBDA_ENVIRONMENT,
    LAMBDA_MEMORY,
    LAMBDA_TIMEOUT,
    WEBSOCKET_API_TIMEOUT,
)
from .network import AwsNetwork, keys_problems
from .server_args import AwsServerArgs

STOPS: Final = (
    "Lambda ends a function 0 s after its last call (AWS Lambda Developer Guide, Shutdown phase)"
)


class LambdaEndpoint(Enum):
    """The endpoint that clients call.

    HTTP_API: answers whole, within 30 s. FUNCTION_URL: streams, for as long as a function may run.
    """

    HTTP_API = "http-api"
    FUNCTION_URL = "function-url"


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """Limits of a whole API, all clients together; beyond them it answers 429.

    Attributes:
        requests_per_second: sustained rate.
        burst: requests above the rate, at once.
    """

    requests_per_second: int = 10
    burst: int = 20


@dataclass(frozen=True, kw_only=True)
class AwsLambdaArgs(AwsServerArgs):
    """Args of a Lambda function.

    Attributes:
        archive: the code.
        access: who may call it. Where it is not public, API Gateway and the function URL admit
            callers that sign requests with an identity of the account (AWS_IAM).
        config: the server's configuration; with a domain, an HTTP API answers there.
        endpoint: see LambdaEndpoint.
        websocket: a WebSocket API as well, for the modern era.
        certificate: ARN of the domain's certificate, in the same region.
        throttle: of the APIs; None: ten requests a second, twenty at once.
        memory_mb: MiB; the CPU grows with it.
        reserved_concurrency: most calls that run at once; other functions cannot use this share
            of the account's concurrency.
        network: your VPC: the function connects through its private subnets, to what its egress
            allows; None: through a network of AWS, to any address.
        tracing: trace calls with AWS X-Ray.
    """

    RESERVED_PREFIXES: ClassVar[tuple[str, ...]] = ("AWS_", "LAMBDA_", "QUDAG_MCP_")

    archive: Archive
    endpoint: LambdaEndpoint = LambdaEndpoint.HTTP_API
    websocket: bool = False
    certificate: Certificate | None = None
    throttle: Throttle | None = None
    memory_mb: int = 1024
    reserved_concurrency: int = 50
    network: AwsNetwork | None = None
    tracing: bool = False

    def refusals(self) -> list[Problem]:
        streams = self.endpoint is LambdaEndpoint.FUNCTION_URL
        return [
            *_timeout(self, LAMBDA_TIMEOUT, "split the tool, or run the server in containers"),
            *([] if streams else _timeout(self, HTTP_API_TIMEOUT, "use endpoint FUNCTION_URL")),
            *(
                _timeout(self, WEBSOCKET_API_TIMEOUT, "set websocket to false")
                if self.websocket
                else []
            ),
            *LAMBDA_MEMORY.problems("memory_mb", self.memory_mb, fix="write 1024"),
            *drain_problems(self.config, stops=STOPS),
            *_endpoint(self, streams=streams),
            *(keys_problems(self.config.auth) if self.network else []),
            *super().refusals(),
        ]


def environment_problems(variables: Mapping[str, str]) -> list[Problem]:
    """A problem if the environment is larger than Lambda accepts; checked once values are known."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    fix = "give the function fewer secrets, or shorter names"
    return LAMBDA_ENVIRONMENT.problems("environment", size, fix=fix)


def _timeout(args: AwsLambdaArgs, limit: Limit, fix: str) -> list[Problem]:
    """A caller waits one step longer than the tool may take, so that the tool's error arrives."""
    longest = limit.most - STEP
    return limit.problems(
        "config.budget.longest_tool",
        args.config.budget.at(Distance.GATEWAY).timeout,
        fix=f"set at most {longest} s for the longest tool, or {fix}",
    )


def _endpoint(args: AwsLambdaArgs, *, streams: bool) -> list[Problem]:
    """A problem for each field that has no effect on the chosen endpoint."""
    found: list[Problem] = []
    if args.websocket and args.config.era == "legacy":
        found.append(
            Problem(
                "websocket",
                "is true, and the era is legacy",
                "a WebSocket carries messages of the modern era only: the server would refuse all",
                "set websocket to false, or the era to dual",
            )
        )
    if streams and args.throttle and not args.websocket:
        found.append(
            Problem(
                "throttle",
                "is set, and there is no API to throttle",
                "a function URL has no rate limit (AWS Lambda Developer Guide, Function URLs)",
                "leave it out: reserved_concurrency limits the calls at once; or use HTTP_API",
            )
        )
    if args.config.domain and streams:
        found.append(
            Problem(
                "config.domain",
                f"is {args.config.domain}, and the endpoint is a function URL",
                "a function URL has no other host name (AWS Lambda Developer Guide, Function URLs)",
                "leave the domain out, or use endpoint HTTP_API",
            )
        )
    elif bool(args.config.domain) != bool(args.certificate):
        found.append(
            Problem(
                "certificate",
                "belongs to config.domain: one of the two is missing",
                "API Gateway serves a custom domain only with its certificate",
                "set both, or neither",
            )
        )
    return found
