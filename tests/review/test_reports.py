"""The three forms of a preview, word for word.

``UPDATE_GOLDEN=1 pytest tests/review/test_reports.py`` writes the expected files anew; a person
reads the difference before it is committed.
"""

import io
import json as plain_json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from graph.resource_graph import Notice, ResourceGraph
from review.report import json, markdown, terminal
from tests.harness.graphs import changed, cloud, graph, kube
from tests.review import monitoring, platform

GOLDEN = Path(__file__).parent / "golden"


def on_terminal(report: RenderableType) -> str:
    written = io.StringIO()
    Console(file=written, width=10_000, highlight=False).print(report)
    return written.getvalue()


FORMS: dict[str, Callable[[], str]] = {
    "comparison.txt": lambda: on_terminal(terminal.comparison(platform.comparison())),
    "comparison.md": lambda: markdown.comparison(platform.comparison()),
    "comparison.json": lambda: json.comparison(platform.comparison()),
    "inventory.txt": lambda: on_terminal(terminal.inventory(platform.after())),
    "inventory.md": lambda: markdown.inventory(platform.after()),
    "inventory.json": lambda: json.inventory(platform.after()),
}
MONITORING: dict[str, Callable[[], str]] = {
    "monitoring.txt": lambda: on_terminal(terminal.comparison(monitoring.comparison())),
    "monitoring.md": lambda: markdown.comparison(monitoring.comparison()),
    "monitoring.json": lambda: json.comparison(monitoring.comparison()),
}


@pytest.mark.parametrize("name", [*FORMS, *MONITORING])
def test_a_report_reads_as_agreed(name: str):
    written, expected = (FORMS | MONITORING)[name](), GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(written)
    assert written == expected.read_text()


@pytest.mark.parametrize("name", ["comparison.txt", "inventory.txt"])
def test_the_sample_in_the_documentation_is_a_real_one(name: str):
    page = (GOLDEN.parents[2] / "docs/reference/preview.md").read_text()
    assert f"```\n{(GOLDEN / name).read_text().rstrip()}\n```" in page


def test_a_deleted_dashboard_is_one_line_on_the_terminal_and_in_a_comment():
    panels = [{"type": "row"}, *({"type": "timeseries", "title": f"p{n}"} for n in range(300))]
    text = plain_json.dumps({"title": "Overview", "uid": "o", "panels": panels}, indent=1)
    other = plain_json.dumps({"receivers": [{"name": "chat"}]}, indent=1)
    data = {"overview.json": text, "alertmanager.yml": other}
    gone = kube("core/v1:ConfigMap", "dashboards", data=data)
    compared = platform.comparison(graph(gone), graph())
    said = f"dashboard 'Overview' with 300 panels, {len(text.splitlines())} lines of JSON"
    for report in (on_terminal(terminal.comparison(compared)), markdown.comparison(compared)):
        assert said in report
        assert '"p299"' not in report
        assert '"name": "chat"' in report
    assert "p299" in json.comparison(compared)


def test_a_changed_dashboard_shows_what_changed_in_which_panel():
    def shown(unit: str) -> ResourceGraph:
        read = {"title": "Overview", "panels": [{"title": "Requests", "unit": unit}]}
        text = plain_json.dumps(read, indent=1)
        return graph(kube("core/v1:ConfigMap", "dashboards", data={"overview.json": text}))

    compared = platform.comparison(shown("reqps"), shown("percent"))
    for report in (on_terminal(terminal.comparison(compared)), markdown.comparison(compared)):
        assert re.search(r"panels\[Requests\]\.unit.*\breqps\b.*\bpercent\b", report)


@pytest.mark.parametrize("name", FORMS)
def test_a_report_is_the_same_every_time(name: str):
    assert FORMS[name]() == FORMS[name]()


@pytest.mark.parametrize("name", ["comparison.txt", "comparison.md"])
def test_risks_stand_before_the_details(name: str):
    report = FORMS[name]()
    gravest = report.index("replaces or deletes something stateful")
    assert gravest < report.index("exposes something") < report.index("nginx:1.28")


@pytest.mark.parametrize("name", FORMS)
def test_no_report_contains_emoji(name: str):
    assert not re.search(r"[\U0001F000-\U0001FAFF\u2600-\u27BF]", FORMS[name]())


def test_json_holds_every_change_with_every_property():
    found = platform.comparison()
    written = plain_json.loads(json.comparison(found))
    assert len(written["changes"]) == len(found.diff.changes)
    paths = {one["path"] for change in written["changes"] for one in change["properties"]}
    assert paths == {one.path for change in found.diff.changes for one in change.properties}
    assert {risk["class"] for risk in written["risks"]} == {str(risk.risk) for risk in found.risks}


def test_an_unchanged_stack_is_reported_as_unchanged():
    same = platform.comparison(platform.after(), platform.after())
    assert "nothing changes, 7 unchanged" in on_terminal(terminal.comparison(same))
    assert "No resource changes." in markdown.comparison(same)


def noticed(*notices: Notice) -> dict[str, str]:
    """Every form of both reports for a program with parts that are not run."""
    now = replace(platform.after(), notices=notices)
    found = platform.comparison(platform.before(), now)
    return {
        "inventory.txt": on_terminal(terminal.inventory(now)),
        "inventory.md": markdown.inventory(now),
        "inventory.json": json.inventory(now),
        "comparison.txt": on_terminal(terminal.comparison(found)),
        "comparison.md": markdown.comparison(found),
        "comparison.json": json.comparison(found),
    }


@pytest.mark.parametrize("name", FORMS)
def test_each_form_lists_what_a_preview_leaves_out(name: str):
    report = noticed(Notice("pin_region", "this invoke transform is not run"))[name]
    assert "pin_region" in report
    assert "this invoke transform is not run" in report
    assert "not part of this preview" not in FORMS[name]().lower()


def test_thousands_of_notices_leave_room_for_the_rest():
    comment = noticed(*(Notice(f"hook-{n}", "it is not run") for n in range(5000)))
    assert len(comment["comparison.md"]) <= markdown.LIMIT
    assert "more." in comment["comparison.md"]
    assert comment["comparison.md"].count("<details>") > 3


def many(count: int, text: str = "") -> str:
    new = [kube("core/v1:ConfigMap", f"c{number}", data={"f": text}) for number in range(count)]
    return markdown.comparison(platform.comparison(graph(), graph(*new)))


@pytest.mark.parametrize(("count", "text"), [(900, ""), (60, "x" * 3000), (3, "line\n" * 40_000)])
def test_a_comment_never_exceeds_what_github_takes(count: int, text: str):
    comment = many(count, text)
    assert len(comment) <= markdown.LIMIT
    assert f"{count} added" in comment
    assert comment.count("<details>") == comment.count("</details>")


def test_a_cut_comment_says_how_much_is_missing_and_where_to_see_it():
    comment = many(900)
    shown = comment.count("<details>")
    assert f"{900 - shown} of 900 entries are cut" in comment
    assert "qudag-mcp preview --stack dev --base v1" in comment


def test_thousands_of_findings_leave_room_for_the_rest():
    claims = [kube("core/v1:PersistentVolumeClaim", f"claim-{number}") for number in range(2000)]
    comment = markdown.comparison(platform.comparison(graph(*claims), graph()))
    assert len(comment) <= markdown.LIMIT
    assert re.search(r"… and \d+ findings more", comment)


def test_one_huge_change_does_not_hide_the_others():
    huge = kube("core/v1:ConfigMap", "a-huge", data={"f": "line\n" * 40_000})
    small = kube("core/v1:ConfigMap", "b-small", data={"f": "x"})
    comment = markdown.comparison(platform.comparison(graph(), graph(huge, small)))
    assert "b-small" in comment
    assert re.search(r"… \d+ lines more", comment)


def test_a_fence_inside_a_file_does_not_end_the_fence_around_it():
    old, new = (
        kube("core/v1:ConfigMap", "c", data={"f": f"```\n{word}\n```\n"}) for word in ("a", "b")
    )
    assert "\n````diff\n" in markdown.comparison(platform.comparison(graph(old), graph(new)))


@pytest.mark.parametrize(
    "hostile",
    ["x\n\n# title", "x\n</details>", "<img src=//evil.example>", "![a](//evil.example)", "@team",
     "[a](javascript:b)", "#1", "--> <b>", "| a | b |", "&lt;b&gt;"],
)  # fmt: skip
def test_names_are_escaped_in_markdown(hostile: str):
    def stack(value: str) -> ResourceGraph:
        config = kube("core/v1:ConfigMap", f"c{hostile}", data={hostile: value})
        thing = cloud(f"acme:index:{hostile}", hostile, size=value)
        holder = replace(platform.EDGE, name=hostile)
        return graph(holder, replace(config, parent=holder.urn), thing)

    now = replace(stack("2"), project=hostile, stack=hostile, notices=(Notice(hostile, hostile),))
    found = replace(platform.comparison(stack("1"), now), base=hostile)
    for report in (markdown.comparison(found), markdown.inventory(now)):
        outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", report)
        outside = re.sub(r"(`+)(?!`)[^\n]+?(?<!`)\1(?!`)", "", outside)
        # A line that begins with a tag is HTML until the next empty line, so no Markdown.
        assert not re.search(r"<summary>[^\n]*<(?!/summary>)", outside)
        outside = re.sub(r"<summary>[^\n]*</summary>", "", outside)
        assert hostile not in outside
        assert not re.search(r"(@|#)(team|1)", outside)
        assert "\n# title" not in report
        assert outside.count("<details>") == outside.count("</details>")


@pytest.mark.parametrize("hostile", ["```\n</details>\n# x", "`a` ``b``", "<script>", "@team #1"])
def test_values_stay_values_in_markdown(hostile: str):
    old, new = (kube("core/v1:ConfigMap", "c", data={"f": text}) for text in ("x", hostile))
    found = platform.comparison(graph(old), graph(new))
    comment = markdown.comparison(found)
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", comment)
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    assert hostile.splitlines()[-1] not in outside
    assert changed(old, new).changes


def test_a_name_cannot_control_the_terminal():
    hostile = "a\x1b[2J\x1b]0;title\x07\x9b1m\u202eb"
    written = io.StringIO()
    terminal.Plain(file=written, width=10_000, highlight=False).print(
        terminal.inventory(graph(cloud("acme:index:Thing", hostile)))
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", written.getvalue())
