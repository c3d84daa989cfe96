"""A drawn dashboard shows what Prometheus has answered, and asks without variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from components.observability.dashboards import DashboardOptions, dashboards
from tools.dashboard_drawing import html, rounded, shown

VARIABLES = {"namespace": "mcp", "job": ".+", "__rate_interval": "1m"}
Series = list[tuple[Mapping[str, str], list[tuple[float, float]]]]


def page() -> dict[str, Any]:
    options = DashboardOptions(namespaces=["mcp"], exporters=frozenset({"server", "gateway"}))
    return json.loads(dashboards(options)["qudag-mcp-overview.json"])


def drawn(answers: Mapping[str, Series]) -> tuple[str, list[str]]:
    """The page with these answers by the metric that is asked for, and all that was asked."""
    asked: list[str] = []

    def ask(query: str) -> Series:
        asked.append(query)
        nothing: Series = []
        return next((series for metric, series in answers.items() if metric in query), nothing)

    return html(page(), ask, VARIABLES), asked


def test_prometheus_is_asked_what_grafana_would_ask():
    _, asked = drawn({})
    assert asked
    assert not [query for query in asked if "$" in query]
    assert any('namespace=~"mcp",job=~".+"' in query and "[1m]" in query for query in asked)


def test_each_series_is_a_line_with_its_name():
    points = [(float(at), float(at % 7)) for at in range(0, 600, 30)]
    series: Series = [({"job": "core"}, points), ({"job": "tools"}, points)]
    text, _ = drawn({"mcp_calls_in_flight": series})
    [panel] = re.findall(r'<div class="panel"(?:(?!<div class="panel").)*Calls in flight.*', text)
    assert len(re.findall(r'stroke-width="1.4"', panel)) == 2
    assert re.findall(r"</i>([^<]*)<", panel) == ["core", "tools"]


def test_a_panel_without_answers_says_so():
    text, _ = drawn({})
    assert text.count("No data") == text.count('class="panel"')


def test_numbers_that_no_line_can_show_are_left_out():
    text, _ = drawn({"up{": [({"job": "a"}, [(0.0, float("nan")), (30.0, 1.0), (60.0, 1.0)])]})
    assert "nan" not in text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, "percentunit", "50 %"),
        (0.0123, "s", "12.3 ms"),
        (90, "s", "1.5 min"),
        (3 * 1024**2, "bytes", "3 MiB"),
        (12.5, "reqps", "12.5 req/s"),
        (0, "s", "0 s"),
        (-13.4, "percentunit", "-1340 %"),
    ],
)
def test_values_have_their_units(value: float, unit: str, text: str):
    assert shown(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "end"),
    [
        (0.03, "short", 0.04),
        (300 * 1024**2, "bytes", 512 * 1024**2),
        (340, "s", 480),
        (45, "s", 80),
        (0, "s", 1),
    ],
)
def test_axes_end_at_numbers_whose_quarters_are_short(value: float, unit: str, end: float):
    assert rounded(value, unit) == pytest.approx(end)


def test_all_panels_have_one_range_of_time():
    """A series that begins later does not fill its panel."""
    text, _ = drawn(
        {
            "up{": [({"job": "a"}, [(0.0, 1.0), (60.0, 1.0)])],
            "mcp_calls_in_flight": [({"job": "a"}, [(30.0, 1.0), (60.0, 1.0)])],
        }
    )
    [begun] = {float(found) for found in re.findall(r'd="M([0-9.]+) [0-9.]+L', text)} - {58.0}
    assert begun == 325.0


@pytest.mark.parametrize(("length", "named"), [(4, 8), (60, 3)])
def test_the_names_of_lines_fit_below_the_panel(length: int, named: int):
    points = [(0.0, 1.0), (30.0, 2.0)]
    series: Series = [({"job": f"{at:0{length}}"}, points) for at in range(10)]
    text, _ = drawn({"mcp_calls_in_flight": series})
    [panel] = re.findall(r'<div class="panel"(?:(?!<div class="panel").)*Calls in flight.*', text)
    assert len(re.findall(r"</i>", panel)) == named
    assert f"and {10 - named} more" in panel
