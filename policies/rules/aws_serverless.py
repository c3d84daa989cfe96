"""What functions, their fronts, tables, queues, logs and buckets are required to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.aws.facts import (
    HTTP_API_TIMEOUT,
    LAMBDA_ENVIRONMENT,
    LAMBDA_MEMORY,
    LAMBDA_TIMEOUT,
    LOG_RETENTION_DAYS,
)

from ..rule import Required
from .aws_types import (
    ENCRYPTION,
    FUNCTION,
    INTEGRATION,
    LOGS,
    PRIVATE,
    QUEUE,
    ROUTE,
    STAGE,
    TABLE,
    URL,
    VERSIONS,
    must,
    named,
    within,
)


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
        "Lambda makes a group that never forgets",
        "name a log group with a retention",
    ),
    must(
        FUNCTION,
        "deadLetterConfig.targetArn",
        named,
        "an event that fails is gone without a trace",
        "set a dead-letter queue",
    ),
    must(
        FUNCTION,
        "reservedConcurrentExecutions",
        _positive,
        "one flood of calls takes the whole account's concurrency",
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
        "nobody knows who may call it",
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
        "nobody knows who may call it",
        "write AWS_IAM, or NONE where it is public",
    ),
    must(
        STAGE,
        "defaultRouteSettings.throttlingRateLimit",
        _positive,
        "one client can take all that the account's APIs are allowed",
        "set a rate",
    ),
    must(
        TABLE,
        "serverSideEncryption.enabled",
        (True,),
        "it is encrypted with a key that is not the account's",
        "set it to true",
    ),
    must(
        TABLE,
        "pointInTimeRecovery.enabled",
        (True,),
        "what is deleted by mistake is gone",
        "set it to true",
    ),
    must(TABLE, "ttl.enabled", (True,), "what has expired is never deleted", "set it to true"),
    must(
        QUEUE,
        "sqsManagedSseEnabled",
        (True,),
        "its messages are stored in clear",
        "set it to true",
    ),
    must(
        LOGS,
        "retentionInDays",
        LOG_RETENTION_DAYS,
        "logs are kept for ever, or AWS refuses the number",
        "write 30, or another of PutRetentionPolicy's numbers",
    ),
    *(
        must(PRIVATE, key, (True,), "the bucket may become public", "set it to true")
        for key in (
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
        )
    ),
    must(
        VERSIONS,
        "versioningConfiguration.status",
        ("Enabled",),
        "what is overwritten is gone",
        "write Enabled",
    ),
    must(
        ENCRYPTION,
        "rules[*].applyServerSideEncryptionByDefault.sseAlgorithm",
        ("AES256", "aws:kms"),
        "objects are not encrypted as we say",
        "write AES256 or aws:kms",
    ),
)
