"""`qudag-mcp preview --out`: the form follows from the suffix, and nothing else is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from components.base.problems import Problem, ProblemReport
from delivery.reports import write, write_refusal
from delivery.source_checkout import ROOT
from policies.checked_program import CheckedStack
from policies.finding import Finding, Severity
from tests.harness.graphs import graph, kube
from tests.review import platform


def test_each_suffix_has_its_form(tmp_path: Path):
    files = {name: tmp_path / f"preview.{name}" for name in ("html", "md", "json", "txt")}
    write(platform.comparison(), list(files.values()), None)
    assert files["html"].read_text().startswith("<!doctype html>")
    assert files["md"].read_text().startswith("<!-- qudag-mcp preview: ")
    assert json.loads(files["json"].read_text())["stack"] == "dev"
    assert files["txt"].read_text().startswith("dev since v1")
    assert "\x1b" not in files["txt"].read_text()


def test_a_stated_form_counts_more_than_the_suffix(tmp_path: Path):
    write(CheckedStack(graph=platform.after()), [tmp_path / "artifact"], "html")
    assert (tmp_path / "artifact").read_text().startswith("<!doctype html>")


def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(ProblemReport) as refused:
        write(CheckedStack(graph=platform.after()), [tmp_path / "a.html", tmp_path / "a.pdf"], None)
    (problem,) = refused.value.problems
    assert "a.pdf" in problem.path
    assert ".html" in problem.fix
    assert list(tmp_path.iterdir()) == []


def test_a_refused_preview_takes_the_place_of_an_earlier_report(tmp_path: Path):
    problem = Problem("shop:size", "is `0`", "nothing could be made", "write 1")
    files = [tmp_path / f"preview.{name}" for name in ("html", "md", "json", "txt")]
    write(platform.comparison(), files, None)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "__main__.py").touch()
    write_refusal(ProblemReport([problem]), tmp_path, "dev", files, None)
    for file in files:
        assert "write 1" in file.read_text()
        assert "gateway" not in file.read_text()
    assert files[1].read_text().startswith("<!-- qudag-mcp preview: shop/dev -->\n")
    assert json.loads(files[2].read_text())["refused"][0]["path"] == "shop:size"


def test_the_page_of_the_rules_is_linked_from_where_the_report_is(tmp_path: Path):
    new = kube("core/v1:ConfigMap", "c")
    problem = Problem("c.data", "is empty", "nothing could be read", "write something")
    broken = Finding(rule="any-name-001", severity=Severity.HIGH, urn=new.urn, problem=problem,
                     reference="CIS 5.1")  # fmt: skip
    subject = CheckedStack(graph=graph(new), findings=(broken,))
    report = tmp_path / "preview.html"
    write(subject, [report], None)
    (link,) = re.findall(r'href="([^"]*policies.md)#any-name-001"', report.read_text())
    assert (tmp_path / link).resolve() == ROOT / "docs/policies.md"
    write(subject, [tmp_path / "preview.md"], None, "https://example.com/policies.md")
    linked = "[any-name-001](https://example.com/policies.md#any-name-001), high"
    assert linked in (tmp_path / "preview.md").read_text()
