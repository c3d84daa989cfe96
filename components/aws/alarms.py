"""Alarms of CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .location import AwsLocation
from .naming import physical_name

ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"


@dataclass(frozen=True)
class Alarm:
    """A metric and its threshold.

    Attributes:
        namespace, metric: CloudWatch's names.
        statistic: over five minutes.
        threshold: the alarm is raised at this value and above.
        description: what a value above the threshold indicates.
    """

    namespace: str
    metric: str
    statistic: str
    threshold: float
    description: str


def metric_alarm(
    owner: Component[Any],
    location: AwsLocation,
    role: str,
    alarm: Alarm,
    *,
    dimensions: Mapping[str, pulumi.Input[str]],
    topic: str | None,
) -> None:
    """An alarm that notifies ``topic``, if there is one."""
    CloudResource(
        ALARM,
        owner.named(f"{role}-alarm"),
        {
            "name": physical_name(ALARM, owner, location, role),
            "alarmDescription": alarm.description,
            "namespace": alarm.namespace,
            "metricName": alarm.metric,
            "dimensions": dimensions,
            "statistic": alarm.statistic,
            "period": 300,
            "evaluationPeriods": 1,
            "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "threshold": alarm.threshold,
            # Without calls there are no data, and nothing is wrong.
            "treatMissingData": "notBreaching",
            "alarmActions": [topic] if topic else None,
        },
        opts=owner.owned(),
    )
