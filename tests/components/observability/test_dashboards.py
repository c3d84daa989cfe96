"""Dashboards ask for metrics that the stack exports, as the source documents draw them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.mcp.metrics import EXPORTED, Exporter, exported_by
from components.observability.dashboards import DashboardOptions, dashboards
from components.observability.dashboards.queries import gauge, quantile, rate, selector
from components.observability.rules.alert import Dashboard, uid_of

EVERY: frozenset[Exporter] = frozenset(get_args(Exporter))
WEATHER = {"weather": "/servers/weather/mcp"}
# Titles as the documents have them (S0, S2, S4) or list them (S3), and what their panels ask for.
DOCUMENTS = {
    "QuDAG MCP server": {
        "mcp_requests_total",
        "mcp_request_duration_seconds_bucket",
        "qudag_consensus_rounds_total",
        "qudag_consensus_decisions_total",
    },
    "MCP server": {
        "mcp_tool_requests_total",
        "mcp_tool_duration_seconds_bucket",
        "mcp_tool_errors_total",
        "process_resident_memory_bytes",
    },
    "MCP orchestration platform": {"mcp_requests_total", "pg_stat_database_numbackends"},
    "System overview": {"up", "mcp_requests_total", "mcp_gateway_requests_total"},
    "Service performance": {"mcp_request_duration_seconds_bucket", "mcp_requests_total"},
    "Infrastructure": {"process_cpu_seconds_total", "redis_memory_used_bytes", "pg_up"},
    "Security": {"mcp_gateway_requests_total", "mcp_audit_rows_total", "mcp_limited_total"},
    "Business": {"mcp_tool_requests_total", "mcp_resource_requests_total"},
}
IN_NO_PANEL = {
    "process_start_time_seconds": "a restart shows as a rollout and in the number of pods",
    "process_virtual_memory_bytes": "resident memory is what a limit counts",
    "python_info": "the version of the language changes with the image",
    "otelcol_exporter_queue_size": "an alert says when a queue fills",
    "otelcol_exporter_queue_capacity": "an alert says when a queue fills",
    "otelcol_exporter_sent_log_records": "the log store shows what has arrived",
    "otelcol_exporter_send_failed_log_records": "an alert says when lines are dropped",
    "otelcol_receiver_accepted_log_records": "the log store shows what has arrived",
    "otelcol_receiver_accepted_spans": "senders count the same spans",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early": "an alert says so",
    "prometheus_rule_evaluation_failures_total": "an alert says so",
    "prometheus_notifications_errors_total": "an alert says so",
    "prometheus_notifications_dropped_total": "an alert says so",
    "prometheus_config_last_reload_successful": "an alert says so",
    "alertmanager_notifications_failed_total": "an alert says so",
    "alertmanager_config_last_reload_successful": "an alert says so",
    "mcp_audit_seq": "a number for one row; audit verify compares it",
}


def made(
    exporters: frozenset[Exporter] = EVERY, servers: Mapping[str, str] = WEATHER
) -> dict[str, dict[str, Any]]:
    options = DashboardOptions(namespaces=["qudag-mcp-prod"], exporters=exporters, servers=servers)
    return {name: json.loads(text) for name, text in dashboards(options).items()}


def panels_of(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def expressions(page: dict[str, Any]) -> str:
    return "\n".join(one["expr"] for panel in panels_of(page) for one in panel["targets"])


@pytest.mark.parametrize("title", DOCUMENTS)
def test_each_document_has_its_dashboard(title: str):
    [page] = [page for page in made().values() if page["title"] == f"{title} (qudag-mcp-prod)"]
    found = set(re.findall(r"\w+(?=\{)", expressions(page)))
    assert DOCUMENTS[title] <= found


def test_each_metric_of_the_platform_is_in_a_panel_or_has_a_reason():
    text = "\n".join(map(expressions, made().values()))
    shown = {name for name in EXPORTED if re.search(rf"\b{name}(_bucket|_count|_sum)?\{{", text)}
    annotated = {"qudag_mcp_server_build_info"}
    assert EXPORTED.keys() - shown - annotated == IN_NO_PANEL.keys()


@pytest.mark.parametrize("exporter", sorted(EVERY))
def test_panels_of_programs_that_are_not_there_are_left_out(exporter: Exporter):
    only_its_own = {
        name for name, one in exported_by(exporter).items() if one.exporters == (exporter,)
    }
    text = "\n".join(map(expressions, made(EVERY - {exporter}).values()))
    assert not [name for name in only_its_own if re.search(rf"\b{name}\b", text)]


def test_a_stack_without_exporters_has_no_page_of_empty_panels():
    assert all(panels_of(page) for page in made(frozenset({"server"})).values())
    assert "qudag-mcp-security.json" in made(frozenset({"server"}))


def test_crashes_and_errors_of_tools_are_failed_requests():
    """The other outcomes are not: ok, refused and cancelled (docs/reference/metrics.md)."""
    [panel] = [
        one
        for one in panels_of(made()["qudag-mcp-overview.json"])
        if one["title"] == "Failed requests"
    ]
    [target] = panel["targets"]
    [statuses] = re.findall(r'status=~"([^"]*)"', target["expr"])
    assert set(statuses.split("|")) == {"crashed", "tool_error"}


def test_a_server_of_a_user_has_a_page_of_its_own_path():
    page = made()["qudag-mcp-server-weather.json"]
    selected = re.findall(r"mcp_gateway_\w+\{([^}]*)\}", expressions(page))
    assert selected
    assert all('route="/servers/weather/mcp"' in one for one in selected)


def test_a_server_has_panels_of_the_metrics_that_its_entry_names():
    named = {"weather": {"accuracy": "a", "feature_uses": "b_total"}}
    options = DashboardOptions(
        namespaces=["mcp"], exporters=EVERY, servers={**WEATHER, "notes": "/n"}, named=named
    )
    pages = {name: expressions(json.loads(text)) for name, text in dashboards(options).items()}
    recorded = set(re.findall(r"job:\w+:\w+", pages["qudag-mcp-server-weather.json"]))
    assert recorded == {"job:model_accuracy:min", "job:feature_uses:rate5m"}
    assert "job:" not in pages["qudag-mcp-server-notes.json"]


def test_names_of_pages_fit_into_grafana():
    long = {f"{'a' * 60}{letter}": "/servers/a/mcp" for letter in "xy"}
    pages = made(servers=long)
    assert all(len(page["uid"]) <= 40 for page in pages.values())
    assert len({page["uid"] for page in pages.values()}) == len(made(servers={})) + 2


NAMESPACES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
PAGES = st.sampled_from([*get_args(Dashboard), "server-overview"]) | NAMESPACES


@given(st.tuples(NAMESPACES, PAGES), st.tuples(NAMESPACES, PAGES))
def test_a_uid_is_that_of_one_dashboard_of_one_platform(
    one: tuple[str, str], other: tuple[str, str]
):
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", uid_of(*one))
    assert (uid_of(*one) == uid_of(*other)) == (one == other)


def test_a_name_that_ends_another_ones_namespace_is_told_apart():
    assert uid_of("mcp", "server-overview") != uid_of("mcp-server", "overview")
    long = [uid_of("n" * 63, page) for page in get_args(Dashboard)]
    assert len({*long, *(uid_of("n" * 62, page) for page in get_args(Dashboard))}) == 2 * len(long)


def test_two_platforms_share_one_grafana():
    """Neither replaces a file, a uid or a title of the other's, nor is in its menu."""
    found = [
        {
            name: json.loads(text)
            for name, text in dashboards(
                DashboardOptions(namespaces=[name, "shared"], exporters=EVERY, servers=WEATHER)
            ).items()
        }
        for name in ("qudag-mcp-prod", "qudag-mcp-staging")
    ]
    assert found[0].keys() == found[1].keys()
    for key in ("uid", "title"):
        values = [page[key] for pages in found for page in pages.values()]
        assert len(set(values)) == len(values)
    for pages, others in (found, reversed(found)):
        menus = {tag for page in pages.values() for link in page["links"] for tag in link["tags"]}
        assert all(menus <= {*page["tags"]} for page in pages.values())
        assert not any(menus & {*page["tags"]} for page in others.values())


@pytest.mark.parametrize("name", made())
def test_panels_have_units_places_and_numbers_of_their_own(name: str):
    page = made()[name]
    assert {panel["type"] for panel in page["panels"]} == {"row", "timeseries"}
    assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])
    for panel in panels_of(page):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"], panel["title"]
        assert all("$namespace" in one["expr"] for one in panel["targets"])
    titles = [panel["title"] for panel in panels_of(page)]
    assert len(set(titles)) == len(titles)
    for one, other in combinations([panel["gridPos"] for panel in page["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_a_budget_of_errors_that_is_overdrawn_is_in_sight():
    """It is negative then, at most by the whole budget; all other values begin at 0."""
    panels = [panel for page in made().values() for panel in panels_of(page)]
    least = {panel["title"]: panel["fieldConfig"]["defaults"]["min"] for panel in panels}
    assert {title: value for title, value in least.items() if value} == {"Error budget left": -1}
    budgets = [panel for panel in panels if panel["title"] == "Error budget left"]
    assert budgets
    for panel in budgets:
        assert all(re.fullmatch(r"clamp_min\(.*, -1\)", one["expr"]) for one in panel["targets"])


def test_pages_lead_to_each_other_and_show_rollouts():
    for page in made().values():
        [link] = page["links"]
        assert set(link["tags"]) <= set(page["tags"])
        assert link["keepTime"]
        assert link["includeVars"]
        assert not page["editable"]
        [rollouts] = page["annotations"]["list"]
        assert rollouts["expr"].endswith("offset 5m)")
        assert "qudag_mcp_server_build_info" in rollouts["expr"]
        assert {"namespace", "job"} <= {one["name"] for one in page["templating"]["list"]}


def test_names_outside_the_list_are_refused():
    with pytest.raises(ValueError, match="no_such_total is in no exporter"):
        rate("no_such_total")
    with pytest.raises(ValueError, match="mcp_requests_total has no label tool"):
        rate("mcp_requests_total", by=("tool",))
    with pytest.raises(ValueError, match="has no label tool"):
        gauge("mcp_open_streams", 'tool="x"')
    with pytest.raises(ValueError, match="has no label tool"):
        gauge("mcp_open_streams", 'tool!="x"')
    with pytest.raises(ValueError, match="mcp_requests_total is no histogram"):
        quantile(0.5, "mcp_requests_total")
    assert selector("up", 'pod="a"') == 'up{namespace=~"$namespace",job=~"$job",pod="a"}'
