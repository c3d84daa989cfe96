"""The dashboard of Cloud Monitoring, in the JSON of the Dashboard API (v1, Dashboard)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pulumi

from ..base.inputs import json_text
from .alert_queries import (
    MEMORY,
    cache_metric,
    database_metric,
    latency,
    requests,
    service_metric,
    share_failed,
    used,
)
from .monitoring_args import GcpMonitoringArgs

COLUMNS: Final = 48
"""Width of a dashboard with a mosaic layout."""
_WIDTH, _HEIGHT = 16, 12

Lines = Sequence[tuple[str, str]]
"""Legends with their queries."""
Tile = dict[str, Any]


def dashboard_json(name: str, args: GcpMonitoringArgs) -> pulumi.Output[str]:
    """The dashboard as JSON, with a row for each thing that is monitored."""
    monitored = (*args.services, *args.databases, *args.caches)
    names: list[pulumi.Input[str]] = [
        *(one.service for one in args.services),
        *(one.instance for one in (*args.databases, *args.caches)),
    ]

    def made(known: Sequence[str]) -> dict[str, Any]:
        real = dict(zip((one.name for one in monitored), known, strict=True))
        tiles = [*_placed([*_rows(args, real)])]
        return {"displayName": name, "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}

    return json_text(pulumi.Output.all(*names).apply(made))


def _placed(rows: Sequence[tuple[str, Sequence[Tile]]]) -> Iterator[Tile]:
    """Titles, and below each its charts, at most three beside each other."""
    top = 0
    for title, charts in rows:
        text = {"title": title, "text": {"content": "", "format": "MARKDOWN"}}
        yield {"xPos": 0, "yPos": top, "width": COLUMNS, "height": 4, "widget": text}
        top += 4
        for index, chart in enumerate(charts):
            column = index % (COLUMNS // _WIDTH)
            if index and column == 0:
                top += _HEIGHT
            place = {"xPos": column * _WIDTH, "yPos": top, "width": _WIDTH, "height": _HEIGHT}
            yield {**place, "widget": chart}
        top += _HEIGHT


def _rows(args: GcpMonitoringArgs, real: dict[str, str]) -> Iterator[tuple[str, list[Tile]]]:
    objectives, limits = args.objectives, args.thresholds
    for service in args.services:
        name = real[service.name]
        failed = requests(name, ',response_code_class="5xx"')
        instances = service_metric(name, "container_instance_count")
        yield (
            service.name,
            [
                _chart(
                    "Requests a second",
                    [
                        ("all", f"sum(rate({requests(name)}[5m]))"),
                        ("5xx", f"sum(rate({failed}[5m]))"),
                    ],
                ),
                _chart(
                    "Share of failed requests in an hour",
                    [("failed", share_failed(name, "1h"))],
                    limit=round(1 - objectives.availability_percent / 100, 6),
                ),
                _chart(
                    "Time of requests (ms)",
                    [(f"p{q}", latency(name, q / 100, "5m")) for q in (50, 95, 99)],
                    limit=objectives.latency_seconds * 1000,
                ),
                _chart(
                    "Instances",
                    [("instances", f"sum({instances})")],
                    limit=service.max_instances,
                ),
                _chart(
                    "CPU and memory of nearly all instances",
                    [
                        ("CPU", used(name, "container_cpu_utilizations")),
                        ("memory", used(name, MEMORY)),
                    ],
                    limit=limits.resource_percent / 100,
                ),
            ],
        )
    for database in args.databases:
        name, project = real[database.name], args.location.project

        def metric(of: str, name: str = name, project: str = project) -> str:
            return f"max({database_metric(project, name, of)})"

        lag = _chart("Replication lag (s)", [("lag", metric("replication_replica_lag"))])
        backends = database_metric(project, name, "postgresql_num_backends")
        yield (
            database.name,
            [
                _chart(
                    "CPU, memory and storage",
                    [(of, metric(f"{of}_utilization")) for of in ("cpu", "memory", "disk")],
                    limit=limits.storage_percent / 100,
                ),
                _chart("Connections", [("connections", f"sum({backends})")]),
                *([lag] if database.replica else []),
            ],
        )
    for cache in args.caches:
        name = real[cache.name]
        both = [
            (of, f"max({cache_metric(name, f'{of}_maximum_utilization')})")
            for of in ("memory", "cpu")
        ]
        evicted = cache_metric(name, "stats_total_evicted_keys_count")
        yield (
            cache.name,
            [
                _chart("Memory and CPU", both, limit=limits.resource_percent / 100),
                _chart("Evicted keys", [("evicted", f"sum(increase({evicted}[5m]))")]),
            ],
        )


def _chart(title: str, lines: Lines, *, limit: float | None = None) -> Tile:
    return {
        "title": title,
        "xyChart": {
            "dataSets": [
                {
                    "plotType": "LINE",
                    "legendTemplate": legend,
                    "targetAxis": "Y1",
                    "timeSeriesQuery": {"prometheusQuery": query},
                }
                for legend, query in lines
            ],
            **({"thresholds": [{"value": limit, "label": "limit"}]} if limit is not None else {}),
            "yAxis": {"scale": "LINEAR"},
        },
    }
