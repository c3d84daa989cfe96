"""The alerts and receivers that resources contain, and which of two rules fires less often."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
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
_HAS_RULES: Final = re.compile(r"alert|receivers|\brecord[\"']?\s*:")
_UNREAD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`|\[[^\]]*\]|\{[^}]*\}')
"""Texts, ranges and matchers of an expression."""
_THRESHOLD: Final = re.compile(
    r"(?P<sign>[<>])=?\s*(?P<numbers>[\d.][\w.]*(?:\s*\*\s*[\d.][\w.]*)*)"
    r"(?=\s*(?:$|\)|\b(?:and|or)\b))"
)
"""A comparison with a number, or with a product of numbers."""
_PARENTHESIS: Final = re.compile(r"[()]")
_BEFORE: Final = re.compile(r"([\w:]+|\)|)\s*$")
_BEFORE_A_GROUP: Final = ("", "and", "or")
"""Words before a parenthesis that groups, and is not of a function or an aggregation."""
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
        return _NUMBER.sub("\0", self.expression)

    def weaker_than(self, other: AlertRule) -> Iterator[str]:
        """In what respects it fires later or less often than ``other``, or is less urgent."""
        now = _seconds(self.waits)
        if self.waits != other.waits and (now is None or now > (_seconds(other.waits) or 0)):
            yield f"fires after {self.waits} in place of {other.waits or '0s'}"
        if _is_less_urgent(self.severity, other.severity):
            yield f"has the severity {self.severity or 'none'} in place of {other.severity}"
        for sign, was, is_now in _thresholds(other, self) or ():
            if (sign == ">" and is_now > was) or (sign == "<" and is_now < was):
                yield f"fires {_word(sign)} {is_now:g} in place of {was:g}"

    def fires_otherwise_than(self, other: AlertRule) -> bool:
        """Whether more differs in their expressions than the numbers that they compare with."""
        return _thresholds(other, self) is None


def _is_less_urgent(now: str, before: str) -> bool:
    """Whether a severity is lower; one that is not known may be."""
    if not before or now == before:
        return False
    known = now in SEVERITIES and before in SEVERITIES
    return not known or SEVERITIES.index(now) < SEVERITIES.index(before)


def alert_rules(resource: Resource) -> list[AlertRule]:
    """The alerts of a PrometheusRule, or of the rule files in a ConfigMap."""
    return [
        AlertRule(
            name=str(rule["alert"]),
            expression=str(rule.get("expr", "")),
            severity=str(branch(rule, "labels").get("severity", "")),
            waits=str(rule.get("for", "")),
        )
        for rule in _all_rules(_documents(resource))
        if "alert" in rule
    ]


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


def all_recorded(graph: ResourceGraph) -> dict[str, set[str]]:
    """The recording rules of a program by the name of their series."""
    found: dict[str, set[str]] = {}
    for resource in graph.of_kind("PrometheusRule") + graph.of_kind("ConfigMap"):
        for name, rules in recorded_series(resource).items():
            found[name] = found.get(name, set()) | rules
    return found


def recorded_series(resource: Resource) -> dict[str, set[str]]:
    """The expressions and labels of recording rules by the name of their series."""
    found: dict[str, set[str]] = {}
    for rule in _all_rules(_documents(resource)):
        if "record" in rule:
            labels = json.dumps(branch(rule, "labels"), sort_keys=True, default=str)
            found.setdefault(str(rule["record"]), set()).add(f"{rule.get('expr', '')} {labels}")
    return found


def all_receivers(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    """The receivers of a program by name."""
    found: dict[str, dict[str, Any]] = {}
    for resource in graph.of_kind("AlertmanagerConfig") + graph.of_kind("ConfigMap"):
        found |= receivers(resource)
    return found


def _all_rules(documents: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in documents:
        for group in mappings(document, "groups"):
            yield from mappings(group, "rules")


def _documents(resource: Resource) -> Iterator[dict[str, Any]]:
    if kind(resource) == "PrometheusRule":
        yield branch(resource.inputs, "spec")
    elif kind(resource) == "ConfigMap":
        for name, text in branch(resource.inputs, "data").items():
            if name.endswith(_FILES) and isinstance(text, str):
                yield _parsed(text)


@lru_cache(maxsize=64)
def _parsed(text: str) -> dict[str, Any]:
    """A file as a mapping; empty if it can have neither rules nor receivers."""
    if not _HAS_RULES.search(text):
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


def _thresholds(old: AlertRule, new: AlertRule) -> list[tuple[str, float, float]] | None:
    """The numbers that differ in two expressions, each after ``>`` or ``<``.

    None if they differ in anything else, or a number decides in another way than as a threshold.
    """
    if old.shape != new.shape:
        return None
    compared = dict(_compared(old.expression))
    found: list[tuple[str, float, float]] = []
    both = (_NUMBER.finditer(old.expression), _NUMBER.finditer(new.expression))
    for was, is_now in zip(*both, strict=True):
        if float(was[0]) == float(is_now[0]):
            continue
        if was.start() not in compared:
            return None
        found.append((compared[was.start()], float(was[0]), float(is_now[0])))
    return found


def _compared(expression: str) -> Iterator[tuple[int, str]]:
    """Where an expression has a threshold, and whether series above or below it are chosen.

    Not within a function or an aggregation, nor after ``unless``: there a higher threshold may
    mean more alerts.
    """
    plain = _UNREAD.sub(lambda found: " " * len(found[0]), expression)
    if "#" in plain:  # a comment may have anything in it
        return
    plain = plain.partition("unless")[0]
    for found in _THRESHOLD.finditer(plain):
        if all(word in _BEFORE_A_GROUP for word in _open_at(plain[: found.start()])):
            for number in _NUMBER.finditer(plain, *found.span("numbers")):
                yield number.start(), found["sign"]


def _open_at(text: str) -> list[str]:
    """What is before each parenthesis that a text opens and does not close."""
    opened: list[str] = []
    for found in _PARENTHESIS.finditer(text):
        if found[0] == "(":
            before = _BEFORE.search(text, 0, found.start())
            opened.append(before[1] if before else "")
        else:
            opened = opened[:-1]
    return opened


def _word(sign: str) -> str:
    return {">": "above", "<": "below"}[sign]


def _seconds(duration: str) -> float | None:
    """None if it is no duration of Prometheus."""
    if not duration or duration == "0":
        return 0
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration:
        return None
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)
