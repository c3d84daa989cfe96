"""The dashboard of CloudWatch: objectives and requests of servers, then what they run on.

The body has the form of "Dashboard body structure and syntax" (Amazon CloudWatch API Reference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pulumi

from ..base.inputs import json_text
from ..mcp.cloud_alarms import Window
from ..mcp.objectives import Objectives
from .alarms import PERIOD
from .burn_rates import queries
from .monitored_metrics import (
    ECS,
    ELASTICACHE,
    INSIGHTS,
    LAMBDA,
    RDS,
    Requests,
    requests_of,
)
from .monitoring_args import AwsMonitoringArgs

COLUMNS: Final = 24
"""Width of a dashboard."""
_WIDTH, _HEIGHT = 8, 6
_HOUR: Final = Window(name="1h", seconds=3600, above=0)

Widget = dict[str, Any]
Series = tuple[str, str, Mapping[str, pulumi.Input[str]], str]
"""Namespace, metric, dimensions and statistic."""


def dashboard_body(
    args: AwsMonitoringArgs, alarms: Sequence[pulumi.Input[str]]
) -> pulumi.Output[str]:
    """The body as JSON.

    Args:
        args: what is monitored.
        alarms: ARNs of the alarms on objectives, whose states it shows.
    """
    widgets = [*_placed([[_states(alarms)], *_rows(args)])]
    return json_text({"widgets": widgets})


def _placed(rows: Sequence[Sequence[Widget]]) -> Iterator[Widget]:
    """The widgets, each row below the one before, and at most three beside each other."""
    top = 0
    for row in rows:
        left, tallest = 0, 0
        for widget in row:
            if left + widget["width"] > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            yield {**widget, "x": left, "y": top}
            left, tallest = left + widget["width"], max(tallest, widget["height"])
        top += tallest


def _states(alarms: Sequence[pulumi.Input[str]]) -> Widget:
    return {
        "type": "alarm",
        "width": COLUMNS,
        "height": 3,
        "properties": {"title": "Objectives", "alarms": list(alarms)},
    }


def _title(text: str) -> Widget:
    return {
        "type": "text",
        "width": COLUMNS,
        "height": 1,
        "properties": {"markdown": f"## {text}"},
    }


def _rows(args: AwsMonitoringArgs) -> Iterator[list[Widget]]:
    region, objectives = args.location.region, args.objectives
    for function in args.functions:
        yield [_title(function.name)]
        named = {"FunctionName": function.function}
        yield [
            *_requests(region, requests_of(function), objectives),
            _graph(
                region,
                "Calls at once",
                [(LAMBDA, "ConcurrentExecutions", named, "Maximum")],
                limit=("reserved", function.concurrency),
            ),
            _graph(
                region,
                "Calls that failed or were refused",
                [(LAMBDA, "Errors", named, "Sum"), (LAMBDA, "Throttles", named, "Sum")],
            ),
            _graph(region, "Time of a call (ms)", [(LAMBDA, "Duration", named, "p95")]),
        ]
    for container in args.containers:
        yield [_title(container.name)]
        named = {"ClusterName": container.cluster, "ServiceName": container.service}
        yield [
            *_requests(region, requests_of(container), objectives),
            _graph(
                region,
                "Tasks",
                [
                    (INSIGHTS, "RunningTaskCount", named, "Minimum"),
                    (INSIGHTS, "DesiredTaskCount", named, "Maximum"),
                ],
                limit=("most", container.max_instances),
            ),
            _graph(
                region,
                "CPU and memory (%)",
                [
                    (ECS, "CPUUtilization", named, "Average"),
                    (ECS, "MemoryUtilization", named, "Maximum"),
                ],
                limit=("alarm", args.thresholds.resource_percent),
            ),
        ]
    for database in args.databases:
        yield [_title(database.name)]
        named = {"DBInstanceIdentifier": database.instance}
        lag = [(RDS, "ReplicaLag", named, "Maximum")]
        yield [
            _graph(region, "CPU (%)", [(RDS, "CPUUtilization", named, "Average")]),
            _graph(region, "Connections", [(RDS, "DatabaseConnections", named, "Maximum")]),
            _graph(region, "Free storage (bytes)", [(RDS, "FreeStorageSpace", named, "Minimum")]),
            *([_graph(region, "Replication lag (s)", lag)] if database.replica else []),
        ]
    for cache in args.caches:
        yield [_title(cache.name)]
        named = {"CacheClusterId": cache.node}
        yield [
            _graph(
                region,
                "Memory and CPU (%)",
                [
                    (ELASTICACHE, "DatabaseMemoryUsagePercentage", named, "Maximum"),
                    (ELASTICACHE, "EngineCPUUtilization", named, "Average"),
                ],
            ),
            _graph(region, "Evicted keys", [(ELASTICACHE, "Evictions", named, "Sum")]),
            _graph(region, "Connections", [(ELASTICACHE, "CurrConnections", named, "Maximum")]),
        ]


def _requests(region: str, requests: Requests, objectives: Objectives) -> list[Widget]:
    """Requests and failures, times, and the shares that miss the objectives in an hour."""
    space, named = requests.namespace, requests.dimensions
    times: list[Series] = [
        (space, requests.latency, named, statistic) for statistic in ("p50", "p95", "p99")
    ]
    counts: list[Series] = [
        (space, metric, named, "Sum")
        for metric in dict.fromkeys((*requests.count, *requests.failed))
    ]
    bound = objectives.latency_seconds * requests.per_second
    unit = "s" if requests.per_second == 1 else "ms"
    return [
        _graph(region, "Requests", counts),
        _graph(region, f"Time of requests ({unit})", times, limit=("objective", bound)),
        _shares(region, requests, objectives),
    ]


def _shares(region: str, requests: Requests, objectives: Objectives) -> Widget:
    """The shares of failed and of slow requests, with what the objectives allow."""
    metrics: list[list[Any]] = []
    for objective in ("availability", "latency"):
        *counted, share = queries(requests, objective, _HOUR, objectives, prefix=f"{objective}_")
        for query in counted:
            metric = query["metric"]
            series = (metric["namespace"], metric["metricName"], metric["dimensions"], "")
            options = {"id": query["id"], "visible": False, "stat": metric["stat"]}
            metrics.append(_series(series, options))
        metrics.append([{key: share[key] for key in ("expression", "label", "id")}])
    allowed = [
        {"label": "failed: allowed", "value": round(1 - objectives.availability_percent / 100, 6)},
        {"label": "slow: allowed", "value": round(1 - objectives.latency_percent / 100, 6)},
    ]
    return _widget(
        region,
        "Shares that miss the objectives",
        metrics,
        period=_HOUR.seconds,
        annotations={"horizontal": allowed},
    )


def _graph(
    region: str,
    title: str,
    series: Sequence[Series],
    *,
    limit: tuple[str, float] | None = None,
) -> Widget:
    metrics = [_series(one, {"stat": one[3]}) for one in series]
    lines = {"horizontal": [{"label": limit[0], "value": limit[1]}]} if limit else None
    return _widget(region, title, metrics, period=PERIOD, annotations=lines)


def _series(series: Series, options: Mapping[str, Any]) -> list[Any]:
    namespace, metric, dimensions, _ = series
    named = [part for pair in dimensions.items() for part in pair]
    return [namespace, metric, *named, dict(options)]


def _widget(
    region: str,
    title: str,
    metrics: list[list[Any]],
    *,
    period: int,
    annotations: Mapping[str, Any] | None,
) -> Widget:
    return {
        "type": "metric",
        "width": _WIDTH,
        "height": _HEIGHT,
        "properties": {
            "title": title,
            "region": region,
            "view": "timeSeries",
            "stacked": False,
            "period": period,
            "metrics": metrics,
            **({"annotations": annotations} if annotations else {}),
        },
    }
