"""Dashboards are ConfigMaps that a Grafana finds by their label."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.observability.grafana_dashboards import GrafanaDashboards, GrafanaDashboardsArgs
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.graph_queries import objects


def page(uid: str = "overview", **changes: Any) -> str:
    fields: dict[str, Any] = {"title": "Overview", "uid": uid, "panels": [], **changes}
    return json.dumps(fields, ensure_ascii=False)


def graph(**changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {"namespace": "mcp", "dashboards": {"overview": page()}}
    args = GrafanaDashboardsArgs(**given | changes)
    return record(lambda: GrafanaDashboards("dashboards", args))


def refusal(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return [(one.path.removeprefix("dashboards."), one.what) for one in report.value.problems]


def test_each_dashboard_is_a_config_map_with_the_label_of_the_source_document():
    made = objects(graph(dashboards={"one": page("one"), "two": page("two")}), "ConfigMap")
    assert {one["metadata"]["name"]: [*one["data"]] for one in made} == {
        "dashboard-one": ["one.json"],
        "dashboard-two": ["two.json"],
    }
    assert {one["metadata"]["labels"]["grafana_dashboard"] for one in made} == {"1"}
    assert {one["metadata"]["namespace"] for one in made} == {"mcp"}


def test_the_file_has_the_name_of_the_uid_which_grafana_has_once():
    """The sidecar writes the files of the ConfigMaps of all namespaces into one folder."""
    (made,) = objects(graph(dashboards={"overview": page("mcp_overview")}), "ConfigMap")
    assert made["metadata"]["name"] == "dashboard-overview"
    assert [*made["data"]] == ["mcp_overview.json"]


def test_a_folder_is_an_annotation():
    (made,) = objects(graph(folder="mcp"), "ConfigMap")
    assert made["metadata"]["annotations"] == {"grafana_folder": "mcp"}
    assert "annotations" not in objects(graph(), "ConfigMap")[0]["metadata"]


@pytest.mark.parametrize("uid", ["a" * 41, "a/b", "a b", "../x", "é", 7])
def test_a_uid_that_grafana_refuses_is_refused(uid: Any):
    [(path, what)] = refusal(dashboards={"overview": page(uid)})
    assert path == "dashboards.overview"
    assert what == f"has the uid {uid!r}"


def test_another_label_replaces_it():
    (made,) = objects(graph(labels={"dashboards": "mcp"}), "ConfigMap")
    assert made["metadata"]["labels"]["dashboards"] == "mcp"
    assert "grafana_dashboard" not in made["metadata"]["labels"]


def test_two_dashboards_of_one_uid_are_refused():
    found = refusal(dashboards={"one": page("same"), "two": page("same")})
    assert found == [("dashboards.two", "has the uid of one, same")]


@pytest.mark.parametrize("text", ["no JSON", "[]", page(title=""), page(uid="")])
def test_a_text_that_is_no_dashboard_is_refused(text: str):
    [(path, what)] = refusal(dashboards={"overview": text})
    assert path == "dashboards.overview"
    assert what == "is no JSON of a dashboard with a title and a uid"


def test_a_dashboard_that_no_config_map_can_hold_is_refused():
    [(path, what)] = refusal(dashboards={"overview": page(padding="é" * 600_000)})
    assert path == "dashboards.overview"
    assert "bytes" in what


def test_labels_that_nothing_would_find_are_refused():
    assert refusal(labels={}) == [("labels", "is empty")]
    assert [path for path, _ in refusal(labels={"app": "grafana"})] == ["labels.app"]
