"""Expressions of rules name only metrics and labels that some program exports."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from ...mcp.metrics import EXPORTED, ExportedMetric
from .external_exporters import EXTERNAL_METRIC_NAMES
from .targets import NAMESPACE, TARGET_LABELS

SET_BY_PROMETHEUS: Final = frozenset({"up"})
_HISTOGRAM: Final = re.compile(r"_(bucket|count|sum)$")
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACES: Final = re.compile(r"\{[^}]*\}")
_LABELS: Final = re.compile(
    r"\b(by|without|on|ignoring|group_left|group_right)\s*(\([^)]*\))", re.IGNORECASE
)
_NAME: Final = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:])(?!\s*\()")
_SELECTOR: Final = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER: Final = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)")
_NAMESPACES: Final = frozenset({NAMESPACE, f"exported_{NAMESPACE}"})
"""The second is that of an object that a program in another namespace tells of."""
_KEYWORDS: Final = frozenset(
    {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"}
    | {"group_left", "group_right", "inf", "nan"}
)


def names_in(expression: str) -> set[str]:
    """The names of series that an expression reads; not those of functions and labels."""
    plain = _LABELS.sub(" ", _BRACES.sub("", _TEXT.sub("", expression)))
    return {name for name in _NAME.findall(plain) if name.lower() not in _KEYWORDS}


def exported(name: str) -> ExportedMetric | None:
    """The metric of the platform's list that a series belongs to."""
    if name in EXPORTED:
        return EXPORTED[name] if EXPORTED[name].kind != "histogram" else None
    metric = EXPORTED.get(_HISTOGRAM.sub("", name))
    return metric if metric and metric.kind == "histogram" and name != metric.name else None


def check(expression: str, recorded: Collection[str]) -> None:
    """Compare the names in an expression with what is exported or recorded.

    Raises:
        ValueError: no program exports a series of that name, or the series has no such label, or
            it is read of other platforms too.
    """
    known = SET_BY_PROMETHEUS | EXTERNAL_METRIC_NAMES | set(recorded)
    for name in sorted(names_in(expression)):
        if name not in known and exported(name) is None:
            raise ValueError(f"{name} is exported by no program, in: {expression}")
    for name, label in _matched(expression):
        metric = exported(name)
        labels = TARGET_LABELS if metric is None else {*metric.labels, "le", *TARGET_LABELS}
        if (metric is not None or name in SET_BY_PROMETHEUS) and label not in labels:
            raise ValueError(f"{name} has no label {label}, in: {expression}")
    for name in sorted(_in_every_namespace(expression)):
        raise ValueError(f"{name} is read in every namespace, in: {expression}")


def _matched(expression: str) -> Iterator[tuple[str, str]]:
    """Each series of an expression with each label that is matched."""
    for name, matchers in _SELECTOR.findall(_TEXT.sub('""', expression)):
        for label in _MATCHER.findall(matchers):
            yield name, label


def _in_every_namespace(expression: str) -> set[str]:
    """The names of series that an expression reads without a matcher for the namespace."""

    def left(found: re.Match[str]) -> str:
        return " " if _NAMESPACES.intersection(_MATCHER.findall(found[2])) else found[0]

    return names_in(_SELECTOR.sub(left, _TEXT.sub('""', expression)))
