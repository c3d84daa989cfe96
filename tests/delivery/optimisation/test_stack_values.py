"""Single values of a stack file are set, and everything else keeps its place and its form."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml

from components.base.problems import ProblemReport
from delivery.optimisation.stack_values import with_value

TEXT = """\
# The stack of production.
config:
  qudag-mcp:environment: prod # not dev
  qudag-mcp:scaling:
    # The busiest one.
    mcp-core:
      cpu: 500m # measured in May
      memory: "512Mi"

    mcp-auth: {replicas: 3, cpu: 100m} # small
    mcp-cache: {}

  qudag-mcp:network:
    clients: [10.0.0.0/8]
"""


def changed(text: str, *steps: str, value: str | int = "250m") -> list[str]:
    """The lines that are removed and added."""
    after = with_value(text, steps, value)
    expected: Any = yaml.safe_load(text)
    inner = expected["config"]
    for step in steps[:-1]:
        inner = inner.setdefault(step, {})
    inner[steps[-1]] = value
    assert yaml.safe_load(after) == expected
    lines = difflib.ndiff(text.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line.rstrip("\r\n") for line in lines if line[0] in "+-"]


SCALING = "qudag-mcp:scaling"


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        (
            (SCALING, "mcp-core", "cpu"),
            ["-       cpu: 500m # measured in May", "+       cpu: 250m # measured in May"],
        ),
        ((SCALING, "mcp-core", "cpuLimit"), ["+       cpuLimit: 250m"]),
        (
            (SCALING, "mcp-auth", "cpu"),
            [
                "-     mcp-auth: {replicas: 3, cpu: 100m} # small",
                "+     mcp-auth: {replicas: 3, cpu: 250m} # small",
            ],
        ),
        (
            (SCALING, "mcp-auth", "memory"),
            [
                "-     mcp-auth: {replicas: 3, cpu: 100m} # small",
                "+     mcp-auth: {replicas: 3, cpu: 100m, memory: 250m} # small",
            ],
        ),
        (
            (SCALING, "mcp-cache", "cpu"),
            ["-     mcp-cache: {}", "+     mcp-cache: {cpu: 250m}"],
        ),
        ((SCALING, "mcp-new", "cpu"), ["+     mcp-new:", "+       cpu: 250m"]),
        (
            ("qudag-mcp:servers", "weather", "resources", "cpu"),
            [
                "+   qudag-mcp:servers:",
                "+     weather:",
                "+       resources:",
                "+         cpu: 250m",
            ],
        ),
    ],
)
def test_a_value_is_set_where_it_belongs(steps: tuple[str, ...], lines: list[str]):
    assert changed(TEXT, *steps) == lines


def test_a_number_is_a_number():
    assert changed(TEXT, SCALING, "mcp-auth", "replicas", value=2)[1].endswith(
        "{replicas: 2, cpu: 100m} # small"
    )


def test_line_breaks_of_windows_and_a_missing_last_one_stay():
    windows = TEXT.replace("\n", "\r\n")
    after = with_value(windows, (SCALING, "mcp-core", "cpuLimit"), "1")
    assert after.count("\n") == after.count("\r\n")
    unended = TEXT.rstrip("\n")
    assert changed(unended, "qudag-mcp:servers", "a", "replicas", value=1)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("config:\n  s: &a {x: {cpu: 1}}\n  t: *a\n", "is an alias or a text"),
        ("config:\n  t: text\n", "is an alias or a text"),
        ("config:\n  t: {x: [1]}\n", "is an alias or a text"),
        ("config:\n  t: {x: {cpu: [1]}}\n", "is an alias, a mapping or a text"),
        ("config:\n  t:\n    x:\n      cpu: |\n        1\n", "is an alias, a mapping or a text"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text: str, what: str):
    with pytest.raises(ProblemReport, match=what):
        with_value(text, ("t", "x", "cpu"), "1")
