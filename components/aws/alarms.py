"""Alarms of CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .location import AwsLocation
from .naming import physical_name

ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
PERIOD: Final = 300
"""Seconds that a statistic is over."""
AT_LEAST: Final = "GreaterThanOrEqualToThreshold"
BELOW: Final = "LessThanThreshold"


@dataclass(frozen=True)
class Alarm:
    """A metric and its threshold.

    Attributes:
        namespace, metric: CloudWatch's names.
        statistic: over five minutes.
        threshold: the alarm is raised at this value and above, or below it.
        description: what it indicates.
        periods: periods of five minutes in a row that must have such a value.
        comparison: ``AT_LEAST`` or ``BELOW``.
        without_data: ``notBreaching`` where nothing is wrong without calls, else ``breaching``.
    """

    namespace: str
    metric: str
    statistic: str
    threshold: float
    description: str
    periods: int = 1
    comparison: str = AT_LEAST
    without_data: str = "notBreaching"


def metric_alarm(
    owner: Component[Any],
    location: AwsLocation,
    role: str,
    alarm: Alarm,
    *,
    dimensions: Mapping[str, pulumi.Input[str]],
    topics: Sequence[pulumi.Input[str]],
    tells_end: bool = False,
) -> CloudResource:
    """An alarm that notifies ``topics``; ``tells_end`` notifies them of its end as well."""
    return CloudResource(
        ALARM,
        owner.named(f"{role}-alarm"),
        {
            "name": physical_name(ALARM, owner, location, role),
            "alarmDescription": alarm.description,
            "namespace": alarm.namespace,
            "metricName": alarm.metric,
            "dimensions": dimensions,
            "statistic": alarm.statistic,
            "period": PERIOD,
            "evaluationPeriods": alarm.periods,
            "comparisonOperator": alarm.comparison,
            "threshold": alarm.threshold,
            "treatMissingData": alarm.without_data,
            "alarmActions": list(topics) or None,
            "okActions": list(topics) if tells_end and topics else None,
        },
        opts=owner.owned(),
    )
