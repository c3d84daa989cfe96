"""The alerts and receivers that resources contain, and which of two rules fires less often."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from graph.kubernetes import kind
from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch, mappings

SEVERITIES: Final = ("none", "info", "warning", "critical")
"""The usual values of the label ``severity``, the least urgent first."""

_FILES: Final = (".yml", ".yaml", ".json", ".rules")
_NUMBER: Final = re.compile(r"(?<![\w.:\"'])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.:\"'])")
_COMPARISON: Final = re.compile(r"(?P<above>>=?)|(?P<below><=?)|[=!]=")
_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h|d|w|y)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """An alert of a rule file.

    Attributes:
        waits: for how long the expression must have a value.
    """

    name: str
    expression: str
    severity: str
    waits: str

    @property
    def shape(self) -> str:
        """The expression without its numbers."""
        return _NUMBER.sub("N", self.expression)

    def weaker_than(self, other: AlertRule) -> Iterator[str]:
        """In what respects it fires later or less often than ``other``, or is less urgent."""
        if (now := _seconds(self.waits)) > _seconds(other.waits) and now != float("inf"):
            yield f"fires after {self.waits} in place of {other.waits or '0s'}"
        ranks = [SEVERITIES.index(one) if one in SEVERITIES else None for one in self._both(other)]
        old, new = ranks
        if old is not None and new is not None and new < old:
            yield f"has the severity {self.severity} in place of {other.severity}"
        if self.shape != other.shape:
            return
        for sign, was, is_now in _compared(other.expression, self.expression):
            if (sign == ">" and is_now > was) or (sign == "<" and is_now < was):
                yield f"fires {_word(sign)} {is_now:g} in place of {was:g}"

    def _both(self, other: AlertRule) -> tuple[str, str]:
        return other.severity, self.severity


def alert_rules(resource: Resource) -> list[AlertRule]:
    """The alerts of a PrometheusRule, or of the rule files in a ConfigMap."""
    return [rule for document in _documents(resource) for rule in _rules(document)]


def receivers(resource: Resource) -> dict[str, dict[str, Any]]:
    """The receivers of an Alertmanager's configuration or of an AlertmanagerConfig, by name."""
    found = [one for each in _told_documents(resource) for one in mappings(each, "receivers")]
    return {str(one["name"]): one for one in found if "name" in one}


def routes(resource: Resource) -> list[Any]:
    """Which alerts go to which receiver, in the configurations that a resource contains."""
    return [document["route"] for document in _told_documents(resource)]


def _told_documents(resource: Resource) -> Iterator[dict[str, Any]]:
    if kind(resource) == "AlertmanagerConfig":
        documents = [branch(resource.inputs, "spec")]
    elif kind(resource) == "ConfigMap":
        documents = list(_documents(resource))
    else:
        documents = []
    yield from (one for one in documents if "route" in one and "receivers" in one)


def all_alert_rules(graph: ResourceGraph) -> dict[str, list[AlertRule]]:
    """The alerts of a program by name."""
    found: dict[str, list[AlertRule]] = {}
    for resource in graph.of_kind("PrometheusRule") + graph.of_kind("ConfigMap"):
        for rule in alert_rules(resource):
            found.setdefault(rule.name, []).append(rule)
    return found


def all_receivers(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    """The receivers of a program by name."""
    found: dict[str, dict[str, Any]] = {}
    for resource in graph.of_kind("AlertmanagerConfig") + graph.of_kind("ConfigMap"):
        found |= receivers(resource)
    return found


def _rules(document: Mapping[str, Any]) -> Iterator[AlertRule]:
    for group in mappings(document, "groups"):
        for rule in mappings(group, "rules"):
            if "alert" in rule:
                yield AlertRule(
                    name=str(rule["alert"]),
                    expression=str(rule.get("expr", "")),
                    severity=str(branch(rule, "labels").get("severity", "")),
                    waits=str(rule.get("for", "")),
                )


def _documents(resource: Resource) -> Iterator[dict[str, Any]]:
    if kind(resource) == "PrometheusRule":
        yield branch(resource.inputs, "spec")
    elif kind(resource) == "ConfigMap":
        for name, text in branch(resource.inputs, "data").items():
            if name.endswith(_FILES) and isinstance(text, str):
                yield _parsed(text)


@lru_cache(maxsize=64)
def _parsed(text: str) -> dict[str, Any]:
    """A file as a mapping; empty if it can have neither alerts nor receivers."""
    if "alert" not in text and "receivers" not in text:
        return {}
    try:
        read: Any = json.loads(text)
    except ValueError:
        read = _yaml(text)
    return branch(read)


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _compared(old: str, new: str) -> Iterator[tuple[str, float, float]]:
    """The numbers that differ in two expressions of one shape, after ``>`` or ``<``."""
    for was, is_now in zip(_NUMBER.finditer(old), _NUMBER.finditer(new), strict=True):
        if float(was[0]) == float(is_now[0]):
            continue
        before = list(_COMPARISON.finditer(old, 0, was.start()))
        if before and (sign := before[-1].lastgroup):
            yield ">" if sign == "above" else "<", float(was[0]), float(is_now[0])


def _word(sign: str) -> str:
    return {">": "above", "<": "below"}[sign]


def _seconds(duration: str) -> float:
    if not duration or duration == "0":
        return 0
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration:
        return float("inf")
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)
