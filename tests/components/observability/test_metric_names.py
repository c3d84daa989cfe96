"""Panels, autoscalers, `optimise` and the documentation name metrics that something exports.

A name is that of a metric of ``components/mcp/metrics``, a recorded series, or a metric of a
program that the platform does not deploy. Rendering refuses rules with other names: test_rules.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, cast, get_args

import pytest

from components.kubernetes.keda import (
    GATEWAY_SERIES,
    SERIES,
    ServerMetric,
    latency_query,
    query,
)
from components.mcp.metrics import EXPORTED, Exporter, exported_by
from components.observability.dashboards import DashboardOptions, dashboards
from components.observability.rules import rule_groups
from components.observability.rules.catalogue import (
    FULL_PLATFORM,
    FULL_PLATFORM_WITH_CLOUDNATIVE_PG,
)
from components.observability.rules.expression import exported, names_in
from components.observability.rules.external_exporters import EXTERNAL_METRIC_NAMES
from delivery.optimisation import prometheus as optimisation
from tests.harness.apiserver import ROOT

UP: Final = "up"
KUBELET: Final = "container_"
"""Prefix of the metrics of the kubelets, which `optimise` asks a Prometheus of the user for."""
NAMED: Final = {
    "accuracy": "a",
    "inference_seconds": "b",
    "active_users": "c",
    "feature_uses": "d_total",
}
"""What the image of a server may export: metrics by the fields of its entry."""
_NAME: Final = re.compile(r"(?<![\w./:$%-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/-])")
_PREFIXES: Final = frozenset(
    f"{name.partition('_')[0]}_" for name in (*EXPORTED, *EXTERNAL_METRIC_NAMES)
)
_SUFFIXES: Final = ("_total", "_bucket")
OF_OTHERS: Final = {"externalsecret_status_condition": "External Secrets exports it"}
"""Metrics in queries of the documentation, of programs whose metrics no rule reads."""
NOT_METRICS: Final = {
    "access_logs_bucket": "a field of a component",
    "audit_bucket": "a field of a component",
    "http_redirect": "a field of a component",
    "mcp_url": "an output of a stack",
    "websocket_url": "an output of a component",
    "qudag_mcp": "the name of the database, and of a package",
    "qudag_mcp_server": "a Python package",
    "qudag_qudag_mcp": "a Python package",
    "qudag_audit": "a role of PostgreSQL",
    "qudag_audit_keeper": "a role of PostgreSQL",
    "qudag_backup": "a role of PostgreSQL",
    "qudag_monitor": "a role of PostgreSQL",
    "pg_dump": "a program of PostgreSQL",
    "pg_restore": "a program of PostgreSQL",
    "pg_upgrade": "a program of PostgreSQL",
    "pg_hba": "a file of PostgreSQL",
    "pg_is_in_recovery": "a function of PostgreSQL",
    "pg_monitor": "a role of PostgreSQL",
    "pg_read_all_data": "a role of PostgreSQL",
    "pg_stat_activity": "a view of PostgreSQL",
    "redis_exporter": "a program",
    "prometheus_client": "a Python package",
    "prometheus_login": "a field of a component",
    "classifier_feature_uses_total": "a metric of the image in the example",
}
"""Words of the documentation that look like metrics."""


@cache
def recorded() -> frozenset[str]:
    return frozenset(
        rule["record"]
        for options in (FULL_PLATFORM, FULL_PLATFORM_WITH_CLOUDNATIVE_PG)
        for group in rule_groups(options)
        for rule in group["rules"]
        if "record" in rule
    )


def unknown(expression: str) -> set[str]:
    """The names in an expression that nothing exports."""
    plain = re.sub(r"\$\w+", "5m", expression)
    found = names_in(plain) - recorded() - EXTERNAL_METRIC_NAMES - {UP}
    return {name for name in found if exported(name) is None}


def expressions(value: Any) -> Iterator[str]:
    """Each query of a dashboard: of panels, annotations and variables."""
    match value:
        case {"type": "datasource"}:
            return  # its query is the kind of a data source
        case dict():
            for key, inner in cast("dict[str, Any]", value).items():
                if key in ("expr", "query") and isinstance(inner, str) and inner:
                    yield re.sub(r"label_values\((.*), \w+\)", r"\1", inner)
                else:
                    yield from expressions(inner)
        case list():
            for inner in cast("list[Any]", value):
                yield from expressions(inner)
        case _:
            return


@pytest.mark.slow
def test_a_panel_asks_for_what_something_exports():
    options = DashboardOptions(
        namespaces=["mcp"],
        exporters=frozenset(get_args(Exporter)),
        servers={"notes": "/servers/notes/mcp"},
        named={"notes": NAMED},
    )
    of_images = {"job:model_accuracy:min", "job:model_inference_seconds:p95_rate5m"}
    of_images |= {"job:active_users:sum", "job:feature_uses:rate5m"}
    asked = [one for text in dashboards(options).values() for one in expressions(json.loads(text))]
    assert len(asked) > 100
    assert {one: names for one in asked if (names := unknown(one) - of_images)} == {}


@pytest.mark.parametrize("metric", SERIES)
def test_an_autoscaler_asks_for_what_its_pods_export(metric: ServerMetric):
    asked = names_in(str(query(metric, "mcp-core", "Deployment", "mcp")))
    assert asked
    assert asked <= exported_by("server").keys()


@pytest.mark.parametrize("metric", GATEWAY_SERIES)
def test_an_autoscaler_of_a_gateway_asks_for_what_its_exporter_exports(metric: ServerMetric):
    asked = names_in(str(query(metric, "mcp-gateway", "Deployment", "mcp", gateway=True)))
    assert asked
    assert asked <= exported_by("gateway").keys()


def test_an_autoscaler_by_latency_asks_for_what_nodes_export():
    asked = names_in(str(latency_query("qudag-integration", "mcp")))
    assert asked
    assert asked <= exported_by("node").keys()


def test_sizes_are_proposed_from_what_servers_or_kubelets_export():
    """The words in capitals stand for matchers and windows."""
    words = re.compile("SELECTED|RATE|WITHIN|WINDOW")
    for text in optimisation.PROCESS_QUERIES.values():
        asked = names_in(words.sub(" ", text))
        assert asked
        assert asked <= exported_by("server").keys()
    for text in (*optimisation.CONTAINER_QUERIES.values(), optimisation.KILLED):
        asked = names_in(words.sub(" ", text))
        assert asked
        assert all(name.startswith(KUBELET) for name in asked)


@cache
def pages() -> dict[Path, str]:
    """The documentation, without the tables of what the source documents say."""
    found = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"), ROOT / "README.md"]
    return {page: page.read_text() for page in found if "sources" not in page.parts}


@pytest.mark.slow
def test_a_page_of_the_documentation_names_metrics_that_something_exports():
    labels = {label for one in EXPORTED.values() for label in one.labels}
    known = recorded() | EXTERNAL_METRIC_NAMES | labels | SERIES.keys() | NOT_METRICS.keys()
    wrong: dict[str, str] = {}
    seen: set[str] = set()
    for page, text in pages().items():
        for name in set(_NAME.findall(text)):
            if name.endswith(_SUFFIXES) or name.startswith(tuple(_PREFIXES)):
                seen.add(name)
                if name in known or name in EXPORTED or name.startswith(KUBELET):
                    continue
                if exported(name) is None:
                    wrong[name] = str(page.relative_to(ROOT))
    assert wrong == {}, "nothing exports these; if one is no metric, add it to NOT_METRICS"
    assert seen >= NOT_METRICS.keys(), "these are no longer in the documentation"
    assert len(seen & EXPORTED.keys()) > 50


@pytest.mark.slow
def test_a_query_of_the_documentation_reads_what_something_exports():
    asked = [
        block
        for page in pages()
        for block in re.findall(
            r"^```promql\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE
        )
    ]
    assert asked
    assert {one: names for one in asked if (names := unknown(one) - OF_OTHERS.keys())} == {}
