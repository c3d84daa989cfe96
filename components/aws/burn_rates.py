"""Alarms on burn rates: metric math over one window each, and composite alarms over both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.cloud_alarms import BurnAlarm, Objective, Window
from ..mcp.objectives import Objectives
from .alarms import ALARM
from .location import AwsLocation
from .monitored_metrics import Requests
from .naming import physical_name

COMPOSITE: Final = "aws:cloudwatch/compositeAlarm:CompositeAlarm"


def burn_rate_alarm(
    owner: Component[Any],
    location: AwsLocation,
    server: str,
    requests: Requests,
    burn: BurnAlarm,
    *,
    objectives: Objectives,
    topics: Sequence[pulumi.Input[str]],
) -> CloudResource:
    """A composite alarm, and one alarm without actions for each window.

    All metrics of an expression have one period, so two windows need two alarms (Amazon CloudWatch
    User Guide, Alarm data queries, Metric math).
    """
    pairs: list[pulumi.Output[str]] = []
    for pair in burn.pairs:
        both: list[pulumi.Output[str]] = []
        for window in pair:
            role = f"{server}-{burn.name}-{window.name}"
            made = CloudResource(
                ALARM,
                owner.named(f"{role}-alarm"),
                {
                    "name": physical_name(ALARM, owner, location, role),
                    "alarmDescription": f"{server}: {burn.description} (window of {window.name})",
                    "metricQueries": queries(requests, burn.objective, window, objectives),
                    "evaluationPeriods": 1,
                    "comparisonOperator": "GreaterThanThreshold",
                    "threshold": window.above,
                    # Without requests none fails.
                    "treatMissingData": "notBreaching",
                },
                opts=owner.owned(),
            )
            both.append(pulumi.Output.concat('ALARM("', made.output("name"), '")'))
        pairs.append(pulumi.Output.concat("(", both[0], " AND ", both[1], ")"))
    role = f"{server}-{burn.name}"
    return CloudResource(
        COMPOSITE,
        owner.named(f"{role}-alarm"),
        {
            "alarmName": physical_name(COMPOSITE, owner, location, role),
            "alarmDescription": f"{burn.severity}: {server}: {burn.description}",
            "alarmRule": pulumi.Output.all(*pairs).apply(" OR ".join),
            "alarmActions": list(topics),
            "okActions": list(topics),
        },
        outputs=("arn",),
        opts=owner.owned(),
    )


def queries(
    requests: Requests,
    objective: Objective,
    window: Window,
    objectives: Objectives,
    *,
    prefix: str = "",
) -> list[dict[str, Any]]:
    """The share of requests that miss the objective in a window, from 0 to 1.

    The metrics come first, and the expression on them last; ids begin with ``prefix``.
    """
    if objective == "latency":
        bound = objectives.latency_seconds * requests.per_second
        fast = f"{prefix}fast"
        metric = _metric(fast, requests, requests.latency, f"PR(0:{bound:g})", window)
        return [metric, _expression(prefix, f"1 - {fast} / 100", "share of slow requests")]
    counted = {f"{prefix}count{i}": metric for i, metric in enumerate(requests.count)}
    failed = {f"{prefix}failed{i}": metric for i, metric in enumerate(requests.failed)}
    metrics = [
        _metric(id, requests, metric, "Sum", window) for id, metric in (counted | failed).items()
    ]
    # A metric of errors has no data until there is an error.
    total, bad = (" + ".join(f"FILL({id}, 0)" for id in ids) for ids in (counted, failed))
    share = f"IF(({total}) > 0, ({bad}) / ({total}), 0)"
    return [*metrics, _expression(prefix, share, "share of failed requests")]


def _metric(
    id: str, requests: Requests, name: str, statistic: str, window: Window
) -> dict[str, Any]:
    return {
        "id": id,
        "returnData": False,
        "metric": {
            "namespace": requests.namespace,
            "metricName": name,
            "dimensions": requests.dimensions,
            "stat": statistic,
            "period": window.seconds,
        },
    }


def _expression(prefix: str, expression: str, label: str) -> dict[str, Any]:
    return {"id": f"{prefix}share", "expression": expression, "label": label, "returnData": True}
