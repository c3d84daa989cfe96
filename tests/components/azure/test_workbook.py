"""The content of the workbook, which no program outside of Azure reads.

Microsoft's schema (Application-Insights-Workbooks, schema/workbook.json) refuses next to nothing:
it checks the first item alone, and allows every further field. So the forms are stated here: fields
of that schema, and for queries, whose fields it does not list, those of workbooks that the portal
exports.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from components.azure.tokens import WORKBOOK
from tests.harness.azure_monitoring import METRICS, graph, items
from tests.harness.cloud_documents import needs_cloud_documents

from .test_documents import every_query, parsed

pytestmark = pytest.mark.slow

MARKDOWN, QUERY, METRIC = 1, 3, 10
ITEM: Final = {"type", "content", "name", "customWidth"}
CONTENT: Final = {
    MARKDOWN: {"json"},
    QUERY: {
        *("version", "query", "size", "title", "timeContext", "queryType", "resourceType"),
        *("crossComponentResources", "visualization"),
    },
    METRIC: {
        *("version", "size", "title", "chartType", "resourceType", "metricScope"),
        *("resourceIds", "timeContext", "metrics"),
    },
}
VERSIONS: Final = {QUERY: "KqlItem/1.0", METRIC: "MetricsItem/2.0"}
LOGS, LINE, AREA = 0, 2, 3
"""``queryType`` of Log Analytics, and two of ``chartType``."""
MEDIUM: Final = 0
NUMBERS: Final = {"int", "long", "real", "decimal"}


def content_of(kind: int) -> list[dict[str, Any]]:
    return [one["content"] for one in items() if one["type"] == kind]


def test_the_workbook_has_the_fields_of_its_form_and_no_others():
    made = json.loads(graph().one(WORKBOOK, name="alarms-dashboard").inputs["serializedData"])
    assert set(made) == {"version", "items", "fallbackResourceIds"}
    assert made["version"] == "Notebook/1.0"
    # A workbook of Azure Monitor, and not of one resource.
    assert made["fallbackResourceIds"] == ["azure monitor"]
    assert len(made["items"]) > 15


def test_each_item_has_the_fields_of_its_type_and_no_others():
    for one in items():
        assert one["type"] in CONTENT, one
        assert set(one) == ITEM - ({"customWidth"} if one["type"] == MARKDOWN else set())
        assert set(one["content"]) == CONTENT[one["type"]], one["name"]
        if one["type"] == MARKDOWN:
            continue
        assert one["content"]["version"] == VERSIONS[one["type"]]
        assert one["content"]["size"] == MEDIUM
        # Two charts in a row: a share of the width as text.
        assert one["customWidth"] == "50"
        assert one["content"]["timeContext"] == {"durationMs": 24 * 3600 * 1000}


def test_a_chart_has_a_title_that_no_other_chart_of_the_same_thing_has():
    for kind in (QUERY, METRIC):
        shown = [
            (one["title"], tuple(one.get("resourceIds", one.get("crossComponentResources", ()))))
            for one in content_of(kind)
        ]
        assert all(title and resources for title, resources in shown)
        assert len(set(shown)) == len(shown)


def test_queries_are_on_logs_of_one_workspace_and_drawn_over_time():
    for chart in content_of(QUERY):
        assert chart["queryType"] == LOGS
        assert chart["resourceType"] == "microsoft.operationalinsights/workspaces"
        (workspace,) = chart["crossComponentResources"]
        parts = workspace.split("/")
        assert parts[:2] == ["", "subscriptions"]
        assert parts[-3:-1] == ["Microsoft.OperationalInsights", "workspaces"]
        assert chart["visualization"] == "timechart"


def test_metrics_are_of_the_resource_that_the_chart_reads_and_documented():
    for chart in content_of(METRIC):
        assert chart["chartType"] in (LINE, AREA)
        assert chart["metricScope"] == 0  # of one resource
        (resource,) = chart["resourceIds"]
        assert f"/providers/{chart['resourceType']}/" in resource.lower()
        for metric in chart["metrics"]:
            assert set(metric) == {"namespace", "metric", "aggregation"}
            # <namespace>-<category>-<name>, and these namespaces have no categories.
            namespace, _, name = metric["metric"].partition("--")
            assert namespace == metric["namespace"] == chart["resourceType"]
            aggregation = {1: "Total", 2: "Minimum", 3: "Maximum", 4: "Average", 7: "Count"}
            assert aggregation[metric["aggregation"]] in METRICS[namespace][name]


@needs_cloud_documents
def test_each_query_gives_one_time_and_numbers_which_a_chart_over_time_draws():
    """By Azure's parser, which says which columns a query gives, and of which type."""
    drawn = {one["query"] for one in content_of(QUERY)}
    seen: set[str] = set()
    for text, read in zip(every_query(), parsed(), strict=False):
        if text not in drawn:
            continue
        seen.add(text)
        assert read["problems"] == []
        types = [*read["columns"].values()]
        assert types.count("datetime") == 1, text
        assert len(types) > 1
        assert {kind for kind in types if kind != "datetime"} <= NUMBERS, read["columns"]
    assert seen == drawn
