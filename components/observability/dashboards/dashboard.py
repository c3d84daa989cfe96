"""What a dashboard is made of, apart from Grafana's format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ...mcp.metrics import EXPORTED, Exporter

PREFIX: Final = "qudag-mcp-"
_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ENDING: Final = re.compile(r"_(bucket|count|sum)$")


class Unit(StrEnum):
    """What the numbers of a panel are; the values are Grafana's ids of units."""

    PER_SECOND = "cps"
    REQUESTS = "reqps"
    SECONDS = "s"
    BYTES = "bytes"
    SHARE = "percentunit"
    NUMBER = "short"
    CORES = "none"


@dataclass(frozen=True, kw_only=True)
class Query:
    """A line or several of a panel.

    Attributes:
        expr: PromQL, with the variables ``$namespace`` and ``$job``.
        legend: name of a line; ``{{label}}`` stands for a label's value.
    """

    expr: str
    legend: str

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics of the platform's list that it asks for."""
        words = {_ENDING.sub("", word) for word in _WORD.findall(self.expr)}
        return frozenset(words | set(_WORD.findall(self.expr))) & EXPORTED.keys()


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Lines over time with one unit.

    Attributes:
        title: what the lines are.
        meaning: how to read them, shown when one points at the title.
        unit: of the values.
        queries: one line or several each.
        at_least: begin of the axis; None: as the values need.
        at_most: end of the axis, for shares; None: as the values need.
        limit: a value that should not be reached, drawn as a line.
    """

    title: str
    meaning: str
    unit: Unit
    queries: Sequence[Query]
    at_least: float | None = 0
    at_most: float | None = None
    limit: float | None = None

    def exporters(self) -> list[frozenset[Exporter]]:
        """For each metric, the programs of which one must be there for it to have values."""
        return [
            frozenset(EXPORTED[name].exporters)
            for query in self.queries
            for name in sorted(query.metrics)
        ]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Panels under a heading.

    Attributes:
        title: the heading.
        panels: from left to right, two in a line.
    """

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A page of Grafana.

    Attributes:
        name: of its file: ``PREFIX``, and what the alerts' links call it.
        title: its name for people.
        purpose: the question that it answers.
        sections: its panels; those of programs that are not deployed are left out.
        jobs: workloads whose series it selects at first; empty: all.
    """

    name: str
    title: str
    purpose: str
    sections: Sequence[Section]
    jobs: Sequence[str] = field(default=())

    def for_exporters(self, there: frozenset[Exporter]) -> Dashboard:
        """The dashboard with the panels alone whose metrics programs of a stack export."""
        sections = [
            Section(
                title=section.title,
                panels=[
                    panel
                    for panel in section.panels
                    if all(one & there for one in panel.exporters())
                ],
            )
            for section in self.sections
        ]
        return Dashboard(
            name=self.name,
            title=self.title,
            purpose=self.purpose,
            sections=[section for section in sections if section.panels],
            jobs=self.jobs,
        )
