"""Rules and panels are compared by their names, also within a text."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from review.properties import Difference, property_changes
from tests.review.monitoring import alert, dashboard, groups, panel, widgets


def rule(name: str, expr: str, window: str) -> dict[str, Any]:
    return alert(name, expr, window=window)


EXPRESSIONS = st.sampled_from(["x > 1", "x > 2"])
RULES = st.lists(
    st.builds(rule, st.sampled_from("ABC"), EXPRESSIONS, st.sampled_from(["1h", "6h"])), max_size=4
)
PANELS = st.lists(
    st.tuples(st.sampled_from(["Errors", "Requests", "Log lines"]), st.sampled_from("xy")),
    max_size=4,
)


def paths(old: Any, new: Any) -> list[str]:
    return [change.path for change in property_changes(old, new)]


def rule_file(rules: list[dict[str, Any]]) -> str:
    return yaml.safe_dump({"groups": rules}, sort_keys=False)


@pytest.mark.parametrize("form", [dict, json.dumps, rule_file], ids=["tree", "JSON", "YAML"])
def test_an_alert_is_named_and_one_that_is_inserted_shifts_none(form: Any):
    def data(*given: Any) -> dict[str, Any]:
        found = groups(*given)
        return {"rules": form(found) if form is rule_file else form({"groups": found})}

    old, new = data(0.05), data(0.1, alert("New", "up"))
    assert paths(old, new) == [
        "rules.groups[gateway].rules[GatewayErrors].expr",
        "rules.groups[gateway].rules[New]",
    ]


def test_a_recording_rule_is_named_by_its_record():
    old = groups(1)
    new = groups(1)
    new[0]["rules"][0]["expr"] = "rate(requests_total[1m])"
    assert paths(old, new) == ["[gateway].rules[gateway:requests:rate5m].expr"]


def test_alerts_of_one_name_are_told_apart_by_their_labels():
    old, new = groups(1), groups(1)
    new[0]["rules"][-1]["for"] = "1h"
    assert paths(old, new) == ["[gateway].rules[BudgetBurns{window=6h}].for"]
    del new[0]["rules"][-1]
    assert paths(old, new) == ["[gateway].rules[BudgetBurns{window=6h}]"]
    (change,) = property_changes(new, old)
    assert change.difference is Difference.ADDED


def test_alerts_that_nothing_tells_apart_are_compared_in_their_order():
    old = [alert("Same", "a"), alert("Same", "b")]
    assert paths({"rules": old}, {"rules": [*old[:1], alert("Same", "c")]}) == ["rules[1].expr"]


@given(RULES, RULES)
def test_rule_files_without_changes_are_equal(old: list[Any], new: list[Any]):
    files = [rule_file([{"name": "one", "rules": rules}]) for rules in (old, new)]
    assert (property_changes(*files) == []) == (old == new)


@given(PANELS, PANELS)
def test_dashboards_without_changes_are_equal(old: list[Any], new: list[Any]):
    assert (property_changes(dashboard(*old), dashboard(*new)) == []) == (old == new)


def test_a_panel_is_named_by_its_title_and_places_are_one_change():
    old = dashboard(("Requests", "x"), ("Errors", "y"))
    new = dashboard(("Streams", "z"), ("Requests", "x"), ("Errors", "y2"))
    assert paths(old, new) == ["layout", "panels[Errors].targets[A].expr", "panels[Streams]"]
    (layout,) = property_changes(old, dashboard(("Errors", "y"), ("Requests", "x")))[:1]
    assert layout.is_text
    assert "+Errors: " in "\n".join(layout.text_diff())


def test_panels_of_one_title_are_named_by_their_row():
    def rows(expr: str) -> str:
        shown: list[dict[str, Any]] = []
        for row in ("Database", "Cache"):
            shown.append({"type": "row", "title": row, "gridPos": {}})
            shown.append(panel(1, "Log lines", expr if row == "Cache" else "x", 0))
        return json.dumps({"panels": shown})

    assert paths(rows("x"), rows("y")) == ["panels[Cache: Log lines].targets[A].expr"]


def test_a_widget_of_cloudwatch_is_named_by_its_title():
    assert paths(widgets("Alarms", "Requests"), widgets("Alarms", "Errors", "Requests")) == [
        "layout",
        "widgets[Errors]",
    ]


def test_a_tile_of_cloud_monitoring_is_named_by_its_title():
    def tiles(*titles: str) -> str:
        placed = [{"xPos": n, "widget": {"title": title}} for n, title in enumerate(titles)]
        return json.dumps({"displayName": "x", "mosaicLayout": {"tiles": placed}})

    assert paths(tiles("A"), tiles("B", "A")) == ["layout", "mosaicLayout.tiles[B]"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("groups: []", "groups:  []"),  # the same document, written in another way
        ('{"panels": []}', '{"panels":[]}'),
        ("groups: [{rules: *x}]", "groups: []"),
        ("groups: [&x {rules: [*x]}]", "groups: []"),
        ("groups: [{rules: [}", "groups: []"),
        ('{"panels": [1]}', '{"panels": [2]}'),
        ('{"panels": []}', '{"widgets": []}'),
        ('{"groups": 1}', '{"groups": 2}'),
        ('{"panels": ', '{"panels": []}'),
        ("worker_processes 1;", "worker_processes 2;"),
    ],
)
def test_other_texts_are_compared_as_texts(old: str, new: str):
    (change,) = property_changes({"file": old}, {"file": new})
    assert (change.path, change.old, change.new) == ("file", old, new)
