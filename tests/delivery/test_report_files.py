"""`qudag-mcp preview --out`: the form follows from the suffix, and nothing else is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.reports import write
from policies.checked_program import CheckedStack
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
