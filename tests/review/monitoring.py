"""Alert rules and a dashboard before and after a change: one more above, and one that differs."""

from __future__ import annotations

import json
from typing import Any

import yaml

from graph.resource_graph import ResourceGraph
from review.preview import Comparison
from tests.harness.graphs import cloud, graph, kube
from tests.review import platform


def alert(name: str, expr: str, minutes: int = 5, **labels: str) -> dict[str, Any]:
    rule = {"alert": name, "expr": expr, "for": f"{minutes}m"}
    return rule | ({"labels": labels} if labels else {})


def groups(limit: float, *more: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": "gateway",
            "rules": [
                *more,
                {"record": "gateway:requests:rate5m", "expr": "rate(requests_total[5m])"},
                alert("GatewayDown", "up == 0"),
                alert("GatewayErrors", f"gateway:errors > {limit:g}"),
                alert("BudgetBurns", "budget:1h > 14.4", window="1h"),
                alert("BudgetBurns", "budget:6h > 6", minutes=30, window="6h"),
            ],
        }
    ]


def panel(number: int, title: str, expr: str, row: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "gridPos": {"h": 8, "w": 12, "x": 0, "y": row * 8},
        "targets": [{"refId": "A", "expr": expr}],
    }


def dashboard(*panels: tuple[str, str]) -> str:
    shown = [panel(row + 1, *one, row) for row, one in enumerate(panels)]
    return json.dumps({"title": "Gateway", "uid": "gateway", "panels": shown}, indent=1)


def widgets(*titles: str) -> str:
    placed = [
        {"x": 0, "y": 6 * row, "width": 24, "height": 6, "properties": {"title": title}}
        for row, title in enumerate(titles)
    ]
    return json.dumps({"widgets": placed})


def _graph(rules: list[dict[str, Any]], shown: str, body: str) -> ResourceGraph:
    files = {"rules.yml": yaml.safe_dump({"groups": rules}, sort_keys=False)}
    return graph(
        kube("monitoring.coreos.com/v1:PrometheusRule", "alerts", spec={"groups": rules}),
        kube("core/v1:ConfigMap", "prometheus", data=files),
        kube("core/v1:ConfigMap", "dashboard-gateway", data={"gateway.json": shown}),
        cloud("aws:cloudwatch/dashboard:Dashboard", "dashboard", dashboardBody=body),
    )


def comparison() -> Comparison:
    requests, errors = ("Requests", "rate(requests_total[5m])"), ("Errors", "rate(errors[5m])")
    return platform.comparison(
        _graph(groups(0.05), dashboard(requests, errors), widgets("Alarms", "Requests")),
        _graph(
            groups(0.1, alert("GatewayQueueFull", "gateway:queue > 100")),
            dashboard(("Open streams", "streams"), requests, ("Errors", "rate(errors[1m])")),
            widgets("Alarms", "Errors", "Requests"),
        ),
    )
