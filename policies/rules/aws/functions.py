"""Required settings of functions, their APIs and their logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.aws.limits import (
    HTTP_API_TIMEOUT,
    LAMBDA_ENVIRONMENT,
    LAMBDA_MEMORY,
    LAMBDA_TIMEOUT,
    LOG_RETENTION_DAYS,
)

from ...rule import Required
from .types import FUNCTION, INTEGRATION, LOGS, ROUTE, STAGE, URL, must, named, within


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0


def _small_enough(variables: Mapping[str, Any]) -> bool:
    texts = [text for pair in variables.items() for text in pair]
    return sum(len(str(text).encode()) for text in texts) <= LAMBDA_ENVIRONMENT.most


REQUIRED: Final[tuple[Required, ...]] = (
    must(
        FUNCTION,
        "timeout",
        within(LAMBDA_TIMEOUT),
        f"AWS refuses it ({LAMBDA_TIMEOUT.source})",
        "1 to 900 s: split the tool, or run the server in containers",
    ),
    must(
        FUNCTION,
        "memorySize",
        within(LAMBDA_MEMORY),
        f"AWS refuses it ({LAMBDA_MEMORY.source})",
        "128 to 10240 MB",
    ),
    must(
        FUNCTION,
        "environment.variables",
        _small_enough,
        f"AWS refuses more than 4096 bytes ({LAMBDA_ENVIRONMENT.source})",
        "fewer or shorter variables",
    ),
    must(
        FUNCTION,
        "loggingConfig.logGroup",
        named,
        "Lambda creates a log group without retention",
        "name a log group with a retention",
    ),
    must(
        FUNCTION,
        "deadLetterConfig.targetArn",
        named,
        "a failed event is lost",
        "set a dead-letter queue",
    ),
    must(
        FUNCTION,
        "reservedConcurrentExecutions",
        _positive,
        "one burst of calls could use up the account's concurrency",
        "reserve a share of 1 or more",
    ),
    must(
        FUNCTION,
        "runtime",
        ("python3.13", "python3.14", "provided.al2023"),
        "the archive's packages are for another Python, or AWS no longer patches it",
        "write python3.13",
    ),
    must(
        URL,
        "authorizationType",
        ("NONE", "AWS_IAM"),
        "it is not stated who may call it",
        "write AWS_IAM, or NONE where it is public",
    ),
    must(
        INTEGRATION,
        "timeoutMilliseconds",
        within(HTTP_API_TIMEOUT, scale=1000),
        f"AWS refuses it ({HTTP_API_TIMEOUT.source})",
        "at most 30000: use a function URL for longer calls",
    ),
    must(
        ROUTE,
        "authorizationType",
        ("NONE", "AWS_IAM", "JWT"),
        "it is not stated who may call it",
        "write AWS_IAM, or NONE where it is public",
    ),
    must(
        STAGE,
        "defaultRouteSettings.throttlingRateLimit",
        _positive,
        "one client could use up the rate limit of the account's APIs",
        "set a rate",
    ),
    must(
        LOGS,
        "retentionInDays",
        LOG_RETENTION_DAYS,
        "logs are kept without end, or AWS refuses the number",
        "write 30, or another value that PutRetentionPolicy accepts",
    ),
)
