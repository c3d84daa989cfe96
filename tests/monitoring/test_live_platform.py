"""A real Prometheus reads a whole running platform under load: everything that reads it has data.

nginx, the server with two processes, the bridge, PostgreSQL, Valkey and the exporters run with the
files of a stack. Prometheus has the stack's configuration and rules. Only its list of pods is
written here; tests/monitoring/test_own_prometheus.py lets it ask a real API server.
"""

from __future__ import annotations

import json
import math
import os
import re
import ssl
from collections.abc import Generator
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
import pytest

from components.mcp.metrics import EXPORTED, ExportedMetric, Exporter
from tests.harness import programs
from tests.harness.graph_queries import objects
from tests.harness.live_load import Traffic
from tests.harness.live_platform import (
    AGENT,
    ENGINE,
    NOTES,
    LivePlatform,
    graph,
    live_platform,
)
from tests.harness.network import can_isolate
from tests.harness.server import until
from tests.monitoring.test_own_prometheus import OF_REQUESTS, SERIES_OF_AN_ENGINE
from tools.dashboard_drawing import replaced
from tools.dashboard_pictures import asking, draw

pytestmark = pytest.mark.skipif(
    not can_isolate(), reason="pods need network namespaces: run as root"
)

SECONDS: Final = 45
LOADS: Final[dict[str, tuple[str, str | None, dict[str, Any], float]]] = {
    "echo": ("/mcp", "echo", {"text": "hello"}, 6),
    "fail": ("/mcp", "fail", {"reason": "as asked"}, 0.5),
    "slow": ("/mcp", "wait", {"seconds": 0.8}, 1),
    "agent": ("/mcp", f"{AGENT}__echo", {"text": "hello"}, 2),
    "notes": (f"/servers/{NOTES}/mcp", None, {}, 2),
}
PROGRAM: Final[dict[str, tuple[Exporter, ...]]] = {
    "server": ("server", "workers", "audit", "audit_results", "backups", "ages", "tool_servers"),
    "gateway": ("gateway",),
    "valkey": ("valkey",),
    "postgres": ("postgres",),
    "prometheus": ("prometheus",),
}
"""The value of the label ``exporter`` of each program, and the names in the list of metrics."""
OF_TARGETS: Final = {"__name__", "namespace", "job", "pod", "container", "exporter", "instance"}
NOT_HERE: Final = {
    "mcp_audit_exported": "the stack has no bucket for its audit log",
    "mcp_audit_exported_age_seconds": "the stack has no bucket for its audit log",
    "prometheus_notifications_dropped_total": "the stack has no Alertmanager",
    "prometheus_notifications_errors_total": "the stack has no Alertmanager",
}
"""Metrics without a series, and why."""
NOT_DEPLOYED: Final[dict[Exporter, str]] = {
    "alertmanager": "the stack has none; tests/monitoring/test_own_alertmanager.py runs it",
    "node": "the topology has no QuDAG nodes; tests/runtime/test_qudag_rounds.py runs them",
    "sessions": "the servers are modern; tests/monitoring/test_own_prometheus.py reads another",
    "volumes": "no server of the stack has a volume that is backed up",
    "egress": "no server of the stack may connect to a host outside",
    "logs": "the stack collects no log lines; tests/monitoring/test_logs.py runs the collector",
    "log_forwarder": "the stack collects no log lines; tests/monitoring/opensearch runs it",
    "trace_store": "the stack keeps no traces; tests/monitoring/test_trace_store.py runs Jaeger",
    "traces": "the stack keeps no traces; tests/monitoring/test_trace_store.py runs the collector",
}
"""Programs of the list that the stack does not have, and why."""
EMPTY_LABELS: Final = {
    "qudag_mcp_server_build_info": frozenset({"region"}),  # the stack names no region
    "pg_stat_database_numbackends": frozenset({"datname"}),  # of no database: shared objects
    **OF_REQUESTS,
}
"""Labels that are empty in some series; Prometheus drops these."""


@pytest.fixture(scope="module")
def live(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[LivePlatform]:
    for names in (("postgres",), ("valkey-server", "redis-server"), ("nginx",)):
        programs.required(*names)
    for name in ("postgres", "redis"):
        programs.required(f"{name}_exporter", f"prometheus-{name}-exporter")
    with live_platform(built / "prometheus", tmp_path_factory.mktemp("live")) as platform:
        for slow in ("mcp_secret_age_seconds", "mcp_backup_age_seconds", "mcp_audit_verified"):
            until(lambda slow=slow: platform.prometheus.query(slow), 180)  # read from the database
        traffic = Traffic(platform.client, SECONDS, {})
        anyio.run(partial(_with_an_outage, platform, traffic))
        yield platform


async def _with_an_outage(platform: LivePlatform, traffic: Traffic) -> None:
    """Send the traffic; a user's server is away for some seconds."""

    async def outage() -> None:
        await anyio.sleep(SECONDS / 2)
        platform.stack.pods[f"{NOTES}-0"].running["tls"].kill()
        await anyio.sleep(5)
        platform.stack.start(f"{NOTES}-0", "tls")

    async with anyio.create_task_group() as group:
        group.start_soon(outage)
        group.start_soon(traffic.run, LOADS)


@cache
def _rules() -> list[dict[str, Any]]:
    (files,) = [
        one["data"]
        for one in objects(graph(), "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    groups = json.loads(files["rules.yml"])["groups"]
    return [rule for group in groups for rule in group["rules"]]


def listed_for(program: str) -> dict[str, ExportedMetric]:
    """The metrics of the list that a program exports."""
    wanted = set(PROGRAM[program])
    return {name: one for name, one in EXPORTED.items() if wanted & set(one.exporters)}


def test_every_program_of_the_list_is_here_or_has_a_reason(live: LivePlatform):
    known = {name for names in PROGRAM.values() for name in names}
    every = {name for one in EXPORTED.values() for name in one.exporters}
    assert every - known == NOT_DEPLOYED.keys()
    read = {one["exporter"] for one, _ in live.prometheus.query("up")}
    assert read == PROGRAM.keys()


@pytest.mark.parametrize("program", PROGRAM)
def test_every_metric_of_the_list_is_there_with_its_labels(live: LivePlatform, program: str):
    missing: list[str] = []
    for name, one in listed_for(program).items():
        if name in NOT_HERE:
            continue
        series = f"{name}_count" if one.kind == "histogram" else name
        found = live.prometheus.query(f'{series}{{exporter="{program}"}}')
        labels = {frozenset(each.keys() - OF_TARGETS) for each, _ in found}
        always = frozenset(one.labels) - EMPTY_LABELS.get(name, frozenset())
        if not labels or not all(always <= each <= set(one.labels) for each in labels):
            missing.append(f"{name}: {sorted(map(sorted, labels))}, not {sorted(one.labels)}")
    assert missing == []


def test_no_metric_has_a_reason_and_a_series(live: LivePlatform):
    assert [name for name in NOT_HERE if live.prometheus.query(name)] == []


def test_every_series_of_a_pod_has_the_labels_that_rules_read(live: LivePlatform):
    found = {
        (one["exporter"], one["job"], one["namespace"])
        for one, value in live.prometheus.query("up")
        if value == 1
    }
    own = "qudag-mcp-dev"
    assert found == {
        ("server", ENGINE, own),
        ("gateway", "mcp-gateway", own),
        ("valkey", "redis", f"{own}-cache"),
        ("postgres", "postgres", f"{own}-database"),
        ("prometheus", "prometheus", f"{own}-monitoring"),
    }


def test_an_engine_stays_under_the_stated_number_of_series(live: LivePlatform):
    """Under load, with five servers whose tools it offers: one of the platform's fifty servers."""
    ((_, of_one),) = live.prometheus.query(f'count({{job="{ENGINE}",exporter="server"}})')
    print(f"{of_one:.0f} series of an engine")
    assert 100 < of_one < SERIES_OF_AN_ENGINE


WITHOUT_OPERANDS: Final = {
    "AuditExportFailed": "the stack has no bucket for its audit log",
    "AuthorizationFailures": "tokens of the platform need no scope, so that nothing is forbidden",
    "BackupMissing": "it has a value while there is no backup",
}
"""Alerts that read nothing here, and why."""
_COMPARED: Final = re.compile(r" (?:==|!=|>=|<=|>|<) (?:bool )?-?[0-9][0-9.e]*(?![0-9.]* [*/+-])")
_SELECTOR: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\{[^}]*\}(?:\[\w+\])?")


def without_thresholds(expression: str) -> str:
    """What an expression compares: it has values however the platform is."""
    return _COMPARED.sub("", expression)


def test_thresholds_are_cut_and_nothing_else():
    assert without_thresholds("(a > 0.1 and b >= 2) or sum by (c) (d) == 0") == (
        "(a and b) or sum by (c) (d)"
    )
    assert without_thresholds("rate(a[5m]) / (b > 0) > 0.05") == "rate(a[5m]) / (b)"


def test_every_rule_has_something_to_evaluate(live: LivePlatform):
    """Each series that an alert or a recording rule reads, and what it compares."""
    empty: dict[str, str] = {}
    for rule in _rules():
        name, asked = rule.get("alert") or rule["record"], rule["expr"]
        for read in (without_thresholds(asked), *_selectors(asked)):
            if not live.prometheus.query(read):
                empty[name] = read
    assert empty.keys() == WITHOUT_OPERANDS.keys(), empty


def _selectors(expression: str) -> list[str]:
    """The series that an expression reads, but those that are there only after a failure."""
    return [
        found.partition("[")[0]
        for found in _SELECTOR.findall(expression)
        if not re.search(r'status=~?"(5|401|403|404|502|failed|tool_error)', found)
    ]


def _pages() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in objects(graph(), "ConfigMap"):
        name = one["metadata"]["name"]
        if name.startswith("dashboard-"):
            (text,) = one["data"].values()
            found[f"{name.removeprefix('dashboard-')}.json"] = json.loads(text)
    return found


def variables(page: dict[str, Any]) -> dict[str, str]:
    """The variables of a dashboard as Grafana fills them in."""
    (spaces,) = [
        one["current"]["value"] for one in page["templating"]["list"] if one["name"] == "namespace"
    ]
    return {
        "namespace": f"({'|'.join(spaces)})",
        "job": ".+",
        "__rate_interval": "30s",
        "__range": "5m",
    }


EMPTY_LINES: Final = {
    "Audit log verified: exported": "the stack has no bucket for its audit log",
    "Since the audit log was verified: exported": "the stack has no bucket for its audit log",
    "Refused by limits: {{limit}}": "no client reaches a limit at the user's server",
    "Streams that ended: streams": "no client holds a stream open at the user's server",
}
"""Lines of panels without values, by title and legend, and why."""


def test_every_panel_has_values(live: LivePlatform):
    empty: dict[str, str] = {}
    assert len(_pages()) > 5
    for name, page in _pages().items():
        for panel in page["panels"]:
            for target in panel.get("targets", []):
                asked = replaced(target["expr"], variables(page))
                found = [value for _, value in live.prometheus.query(asked)]
                if not any(math.isfinite(value) for value in found):
                    empty[f"{panel['title']}: {target['legendFormat']}"] = f"{name}: {asked}"
    assert empty.keys() == EMPTY_LINES.keys(), empty


@pytest.mark.skipif("PICTURES" not in os.environ, reason="PICTURES=1 writes docs/images")
def test_pictures_of_the_dashboards_are_drawn(live: LivePlatform):
    trust = ssl.create_default_context(cafile=live.prometheus.authority.ca_file)
    url = f"https://{live.prometheus.address}:9090"
    pages = _pages()
    with httpx2.Client(base_url=url, verify=trust, timeout=60) as http:
        draw(
            pages, asking(http, minutes=(SECONDS + 15) / 60), variables(next(iter(pages.values())))
        )
