"""Log groups of CloudWatch with a retention."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.constraints import shown
from ..base.problems import Problem
from .identity import Right
from .limits import LOG_RETENTION_DAYS

LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"


def log_group(
    owner: Component[Any], role: str, name: str, *, retention_days: int, key: str | None
) -> tuple[CloudResource, Right]:
    """A log group with a retention, and the right to write to it.

    Args:
        owner: the component.
        role: the group's role in it.
        name: its physical name.
        retention_days: of its logs.
        key: ARN of the KMS key that encrypts it; None: a key of AWS.
    """
    group = CloudResource(
        LOG_GROUP,
        owner.named(role),
        {"name": name, "retentionInDays": retention_days, "kmsKeyId": key},
        outputs=("arn",),
        opts=owner.owned(),
    )
    writing = Right(
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        # The writer chooses the names of the streams, which follow the group's ARN.
        resources=[pulumi.Output.concat(group.output("arn"), ":*")],
    )
    return group, writing


def retention_problems(path: str, days: int) -> list[Problem]:
    """A problem if CloudWatch Logs does not offer the retention."""
    if days in LOG_RETENTION_DAYS:
        return []
    longer = next((each for each in LOG_RETENTION_DAYS if each >= days), LOG_RETENTION_DAYS[-1])
    return [
        Problem(
            path,
            f"is {shown(days)} days",
            "CloudWatch Logs refuses it (CloudWatch Logs API Reference, PutRetentionPolicy)",
            f"write {longer}",
        )
    ]
