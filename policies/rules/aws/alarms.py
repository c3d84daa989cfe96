"""Alarms that tell somebody, and topics whose messages are not sent in clear."""

from __future__ import annotations

from typing import Any, Final

from ...finding import Severity
from ...rule import Required
from ..rows import none_of, on, rows
from .types import ALARM, COMPOSITE_ALARM, SUBSCRIPTION


def _some(actions: Any) -> bool:
    return bool(actions)


REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "aws-cloudwatch-001",
        Severity.MEDIUM,
        "AWS Security Hub CloudWatch.17",
        "the alarm would notify nobody",
        "set it to true, or leave it out",
        ((ALARM, "actionsEnabled"), (COMPOSITE_ALARM, "actionsEnabled")),
        on,
    ),
    *rows(
        "aws-cloudwatch-002",
        Severity.MEDIUM,
        "AWS Security Hub CloudWatch.15",
        "the alarm would notify nobody",
        "name the ARN of an SNS topic",
        ((COMPOSITE_ALARM, "alarmActions"),),
        _some,
        absent=False,
    ),
    *rows(
        "aws-sns-001",
        Severity.HIGH,
        "https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html",
        "messages are sent over the internet unencrypted",
        "write https",
        ((SUBSCRIPTION, "protocol"),),
        none_of("http"),
        absent=False,
    ),
)
