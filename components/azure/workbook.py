"""The workbook of Azure Monitor, in the JSON of its content (`Notebook/1.0`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.inputs import json_text
from ..mcp.objectives import Objectives
from .log_queries import Source, instances, requests
from .metric_alerts import APPS, POSTGRES, REDIS
from .monitoring_args import AzureMonitoringArgs

WORKSPACES: Final = "microsoft.operationalinsights/workspaces"
DAY: Final = {"durationMs": 86_400_000}
AGGREGATIONS: Final = {"Total": 1, "Minimum": 2, "Maximum": 3, "Average": 4}
"""Numbers of aggregations in workbooks."""
LINES: Final = 2
"""The chart type of lines."""

Item = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A thing that is monitored: its title, and the ids that its charts read."""

    title: str
    ids: Sequence[pulumi.Input[str]]


def workbook_json(args: AzureMonitoringArgs) -> pulumi.Output[str]:
    """The workbook's content, with a title and charts for each thing that is monitored."""
    rows = [
        *(_Row(title=one.name, ids=[one.app, one.workspace]) for one in args.apps),
        *(_Row(title=one.name, ids=[one.app, one.workspace]) for one in args.functions),
        *(_Row(title=one.name, ids=[one.server]) for one in args.databases),
        *(_Row(title=one.name, ids=[one.cluster]) for one in args.caches),
    ]

    def made(known: Sequence[Sequence[str]]) -> dict[str, Any]:
        real = {row.title: ids for row, ids in zip(rows, known, strict=True)}
        items = [
            {**item, "name": f"{title}-{number}"}
            for title, charts in _charts(args, real)
            for number, item in enumerate([_title(title), *charts])
        ]
        return {
            "version": "Notebook/1.0",
            "items": items,
            "fallbackResourceIds": ["azure monitor"],
        }

    every = pulumi.Output.all(*(pulumi.Output.all(*row.ids) for row in rows))
    return json_text(every.apply(made))


def last_part(resource: str) -> str:
    """The name at the end of a resource's id."""
    return resource.rpartition("/")[2]


def _charts(
    args: AzureMonitoringArgs, real: dict[str, Sequence[str]]
) -> Iterator[tuple[str, list[Item]]]:
    objectives = args.objectives
    for app in args.apps:
        resource, workspace = real[app.name]
        yield (
            app.name,
            [
                *_requests("app", last_part(resource), workspace, objectives),
                _metrics(
                    f"Replicas (most: {app.max_instances}) and restarts",
                    APPS,
                    resource,
                    [("Replicas", "Average"), ("RestartCount", "Maximum")],
                ),
                _metrics("Answers of the ingress", APPS, resource, [("Requests", "Total")]),
                _metrics("CPU (nanocores)", APPS, resource, [("UsageNanoCores", "Average")]),
                _metrics("Memory (bytes)", APPS, resource, [("WorkingSetBytes", "Average")]),
            ],
        )
    for function in args.functions:
        resource, workspace = real[function.name]
        name = last_part(resource)
        yield (
            function.name,
            [
                *_requests("function", name, workspace, objectives),
                _logs(f"Instances (most: {function.max_instances})", instances(name), workspace),
            ],
        )
    for database in args.databases:
        (server,) = real[database.name]
        use = [(f"{of}_percent", "Average") for of in ("cpu", "memory", "storage")]
        lag = [("physical_replication_delay_in_seconds", "Maximum")]
        yield (
            database.name,
            [
                _metrics("CPU, memory and storage (%)", POSTGRES, server, use),
                _metrics("Connections", POSTGRES, server, [("active_connections", "Average")]),
                *(
                    [_metrics("Replication lag (s)", POSTGRES, server, lag)]
                    if database.replica
                    else []
                ),
            ],
        )
    for cache in args.caches:
        (cluster,) = real[cache.name]
        use = [("usedmemorypercentage", "Maximum"), ("percentProcessorTime", "Maximum")]
        yield (
            cache.name,
            [
                _metrics("Memory and CPU (%)", REDIS, cluster, use),
                _metrics("Evicted keys", REDIS, cluster, [("evictedkeys", "Total")]),
            ],
        )


def _requests(source: Source, name: str, workspace: str, objectives: Objectives) -> Iterable[Item]:
    rows = requests(source, name, objectives)
    lasts = f"{objectives.latency_seconds:g} s"
    for title, columns, size in (
        ("Requests", "all = sum(requests), failed = sumif(requests, failed)", "5m"),
        (
            f"Failed requests, and those above {lasts} (%)",
            "failed = 100.0 * sumif(requests, failed) / sum(requests), "
            "slow = 100.0 * sumif(requests, slow) / sum(requests)",
            "1h",
        ),
        ("Time of requests (s)", "percentilesw(seconds, requests, 50, 95, 99)", "5m"),
    ):
        query = f"{rows}\n| summarize {columns} by bin(TimeGenerated, {size})"
        yield _logs(title, query, workspace)


def _title(name: str) -> Item:
    return {"type": 1, "content": {"json": f"## {name}"}}


def _logs(title: str, query: str, workspace: str) -> Item:
    return {
        "type": 3,
        "content": {
            "version": "KqlItem/1.0",
            "query": query,
            "size": 0,
            "title": title,
            "timeContext": DAY,
            "queryType": 0,
            "resourceType": WORKSPACES,
            "crossComponentResources": [workspace],
            "visualization": "timechart",
        },
        "customWidth": "50",
    }


def _metrics(title: str, namespace: str, resource: str, metrics: Sequence[tuple[str, str]]) -> Item:
    of = namespace.lower()
    return {
        "type": 10,
        "content": {
            "version": "MetricsItem/2.0",
            "size": 0,
            "title": title,
            "chartType": LINES,
            "resourceType": of,
            "metricScope": 0,
            "resourceIds": [resource],
            "timeContext": DAY,
            "metrics": [
                {
                    "namespace": of,
                    "metric": f"{of}--{name}",
                    "aggregation": AGGREGATIONS[aggregation],
                }
                for name, aggregation in metrics
            ],
        },
        "customWidth": "50",
    }
