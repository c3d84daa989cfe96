"""Reads the small graphs of dangerous/ and harmless/, and what rules must find in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from graph.resource_graph import Resource, ResourceGraph
from policies.finding import Severity

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """One small graph.

    Attributes:
        name: as a sentence.
        rule: id of the rule that must find it, or, of a harmless graph, that must not.
        at: path of the finding; empty for a harmless graph.
        severity: of the finding.
        none: whether no rule at all may find anything in it.
        resources: as they are written.
    """

    name: str
    rule: str
    at: str
    severity: Severity
    none: bool
    resources: tuple[dict[str, Any], ...]

    @property
    def graph(self) -> ResourceGraph:
        return graph_of(*self.resources)


def graph_of(*resources: dict[str, Any]) -> ResourceGraph:
    """A graph of resources as they are written: type, inputs, and a name or ``it``."""
    # Without shapes of types, the properties are not compared with the SDKs', which take seconds.
    return ResourceGraph(
        project="acme", stack="prod", resources=tuple(map(_resource, resources)), shapes={}
    )


def _resource(written: dict[str, Any]) -> Resource:
    name = written.get("name", "it")
    return Resource(
        urn=name,
        type=written["type"],
        name=name,
        parent=written.get("parent"),
        inputs=written["inputs"],
    )


def cases(folder: str) -> Iterator[Case]:
    """The cases of all files of a folder."""
    for file in sorted((HERE / folder).glob("*.yaml")):
        for line in yaml.load(file.read_text(), yaml.CSafeLoader):
            yield Case(
                name=line["name"],
                rule=line.get("rule") or line["like"],
                at=line.get("at", ""),
                severity=Severity(line.get("severity", "critical")),
                none=line.get("none", False),
                resources=tuple(line["resources"]),
            )


def settings() -> list[tuple[Any, ...]]:
    """The lines of settings.yaml: rule, type, path, a dangerous value and a safe one."""
    read: list[list[Any]] = yaml.load((HERE / "settings.yaml").read_text(), yaml.CSafeLoader)
    return [tuple(line) for line in read]


def set_at(path: str, value: Any) -> dict[str, Any]:
    """Inputs that have ``value`` at ``path``; None leaves it out."""
    for step in reversed(path.split(".")):
        name, listed, _ = step.partition("[")
        if value is not None:
            value = {name: [value] if listed else value}
    return value or {}
