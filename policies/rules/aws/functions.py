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

from ...finding import Severity
from ...rule import Required
from .types import FUNCTION, INTEGRATION, LOGS, ROUTE, STAGE, URL, must, named, within


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0


def _small_enough(variables: Mapping[str, Any]) -> bool:
    texts = [text for pair in variables.items() for text in pair]
    return sum(len(str(text).encode()) for text in texts) <= LAMBDA_ENVIRONMENT.most


REQUIRED: Final[tuple[Required, ...]] = (
    must(
        "aws-lambda-001",
        Severity.MEDIUM,
        LAMBDA_TIMEOUT.source,
        FUNCTION,
        "timeout",
        within(LAMBDA_TIMEOUT),
        f"AWS refuses it ({LAMBDA_TIMEOUT.source})",
        "1 to 900 s: split the tool, or run the server in containers",
        safe_default=True,
    ),
    must(
        "aws-lambda-002",
        Severity.MEDIUM,
        LAMBDA_MEMORY.source,
        FUNCTION,
        "memorySize",
        within(LAMBDA_MEMORY),
        f"AWS refuses it ({LAMBDA_MEMORY.source})",
        "128 to 10240 MB",
        safe_default=True,
    ),
    must(
        "aws-lambda-003",
        Severity.HIGH,
        LAMBDA_ENVIRONMENT.source,
        FUNCTION,
        "environment.variables",
        _small_enough,
        f"AWS refuses more than 4096 bytes ({LAMBDA_ENVIRONMENT.source})",
        "set fewer or shorter variables",
        safe_default=True,
    ),
    must(
        "aws-lambda-004",
        Severity.LOW,
        "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",
        FUNCTION,
        "loggingConfig.logGroup",
        named,
        "Lambda creates a log group without retention",
        "name a log group with a retention",
        house=True,
    ),
    must(
        "aws-lambda-005",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
        FUNCTION,
        "deadLetterConfig.targetArn",
        named,
        "a failed event is lost",
        "set a dead-letter queue",
        house=True,
    ),
    must(
        "aws-lambda-006",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",
        FUNCTION,
        "reservedConcurrentExecutions",
        _positive,
        "one burst of calls could use up the account's concurrency",
        "reserve a share of 1 or more",
        house=True,
    ),
    must(
        "aws-lambda-007",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html",
        FUNCTION,
        "runtime",
        ("python3.13", "python3.14", "provided.al2023"),
        "the archive's packages are for another Python, or AWS no longer patches it",
        "write python3.13",
        house=True,
    ),
    must(
        "aws-lambda-008",
        Severity.LOW,
        "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
        URL,
        "authorizationType",
        ("NONE", "AWS_IAM"),
        "it is not stated who may call it",
        "write AWS_IAM, or NONE where it is public",
        house=True,
    ),
    must(
        "aws-apigateway-001",
        Severity.MEDIUM,
        HTTP_API_TIMEOUT.source,
        INTEGRATION,
        "timeoutMilliseconds",
        within(HTTP_API_TIMEOUT, scale=1000),
        f"AWS refuses it ({HTTP_API_TIMEOUT.source})",
        "at most 30000: use a function URL for longer calls",
        safe_default=True,
    ),
    must(
        "aws-apigateway-002",
        Severity.LOW,
        "AWS Security Hub APIGateway.8",
        ROUTE,
        "authorizationType",
        ("NONE", "AWS_IAM", "JWT"),
        "it is not stated who may call it",
        "write AWS_IAM, or NONE where it is public",
        house=True,
    ),
    must(
        "aws-apigateway-003",
        Severity.LOW,
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html",
        STAGE,
        "defaultRouteSettings.throttlingRateLimit",
        _positive,
        "one client could use up the rate limit of the account's APIs",
        "set a rate",
    ),
    must(
        "aws-logs-001",
        Severity.MEDIUM,
        "AWS Security Hub CloudWatch.16",
        LOGS,
        "retentionInDays",
        LOG_RETENTION_DAYS,
        "logs are kept without end, or AWS refuses the number",
        "write 90, or another value that PutRetentionPolicy accepts",
    ),
)
