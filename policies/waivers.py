"""Reads ``policy-waivers.yaml``: rules waived for one resource, and types accepted unchecked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, cast

from components.base.problems import Problem, ProblemReport, nearest
from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_yaml

from .finding import Finding
from .type_names import type_name
from .unchecked import UNCHECKED

FILE: Final = "policy-waivers.yaml"
"""The file's name; it is in the folder of ``Pulumi.yaml``."""

_IGNORED: Final = "the rule would stay in force, or be waived for more than was meant"


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A rule that one resource may break.

    Attributes:
        resource: its URN, or its type, in any of the type's spellings, and its name as
            ``type::name``.
        stack: the only stack that the entry is for; None for all.
    """

    rule: str
    resource: str
    reason: str
    stack: str | None = None

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """The rule with the URN, and the rule with type, as rules name it, and name."""
        token, _, name = self.resource.partition("::")
        return (self.rule, self.resource), (self.rule, type_name(token), name)

    def is_for(self, graph: ResourceGraph) -> bool:
        """Whether the entry is for this stack; a URN contains the name of its stack."""
        if self.resource.startswith("urn:pulumi:"):
            return self.resource.startswith(f"urn:pulumi:{graph.stack}::")
        return self.stack in (None, graph.stack)


@dataclass(frozen=True, kw_only=True)
class AcceptedType:
    """A type of resources that no rule knows, and that the program may contain all the same.

    Attributes:
        stack: as in Waiver.
    """

    type: str
    reason: str
    stack: str | None = None


@dataclass(frozen=True, kw_only=True)
class Waivers:
    """The content of the file.

    Attributes:
        waivers: rules waived for a resource.
        accepted: types accepted unchecked.
    """

    waivers: tuple[Waiver, ...] = ()
    accepted: tuple[AcceptedType, ...] = ()

    def apply(self, found: list[Finding], graph: ResourceGraph) -> list[Finding]:
        """The findings, each with the reason of the entry that waives it.

        Raises:
            ProblemReport: entries that waive nothing.
        """
        if not (self.waivers or self.accepted):
            return found
        valid: dict[tuple[str, ...], Waiver] = {}
        for one in self.waivers:
            for key in one.keys if one.is_for(graph) else ():
                valid.setdefault(key, one)
        accepted: dict[str, AcceptedType] = {}
        for each in self.accepted:
            if each.stack in (None, graph.stack):
                accepted.setdefault(type_name(each.type), each)
        used: set[Waiver | AcceptedType] = set()
        applied: list[Finding] = []
        for finding in found:
            resource = graph.find(finding.urn)
            entry = valid.get((finding.rule, finding.urn)) or (
                valid.get((finding.rule, resource.type, resource.name)) if resource else None
            )
            if entry is None and finding.rule == UNCHECKED.id and resource:
                entry = accepted.get(resource.type)
            if entry:
                used.add(entry)
            applied.append(replace(finding, waiver=entry.reason) if entry else finding)
        if unused := [*self._unused(graph, used)]:
            raise ProblemReport(unused)
        return applied

    def _unused(self, graph: ResourceGraph, used: set[Waiver | AcceptedType]) -> Iterator[Problem]:
        for number, waiver in enumerate(self.waivers):
            if waiver not in used and waiver.is_for(graph):
                yield _problem(
                    f"waivers[{number}]",
                    f"waives {waiver.rule} for {waiver.resource}, which does not break it in "
                    f"stack {graph.stack}",
                    "remove the entry, correct rule and resource, or set its stack",
                )
        for number, accepted in enumerate(self.accepted):
            if accepted not in used and accepted.stack in (None, graph.stack):
                yield _problem(
                    f"acceptedTypes[{number}]",
                    f"accepts {accepted.type}, which is checked by a rule or is not in stack "
                    f"{graph.stack}",
                    "remove the entry, correct the type, or set its stack",
                )


def read_waivers(root: Path) -> Waivers:
    """The waivers of the program in this folder; none without the file.

    Raises:
        ProblemReport: all faults of the file.
    """
    file = root / FILE
    if not os.path.lexists(file):
        return Waivers()
    if fault := _unreadable(file):
        raise ProblemReport([fault])
    written: Any = read_yaml(file) or {}
    problems: list[Problem] = []
    if not isinstance(written, dict):
        raise ProblemReport(
            [
                _problem(
                    "", "is not a mapping", "write waivers: and acceptedTypes:, each with a list"
                )
            ]
        )
    sections = cast("dict[str, Any]", written)
    known = {"waivers": Waiver, "acceptedTypes": AcceptedType}
    for name in sections.keys() - known.keys():
        fix = f"write {nearest(str(name), known) or ' or '.join(known)}"
        problems.append(_problem(str(name), "is not a section of this file", fix))
    read = {
        name: [*_entries(name, sections.get(name), form, problems)] for name, form in known.items()
    }
    if problems:
        raise ProblemReport(problems)
    return Waivers(
        waivers=tuple(cast("list[Waiver]", read["waivers"])),
        accepted=tuple(cast("list[AcceptedType]", read["acceptedTypes"])),
    )


def _unreadable(file: Path) -> Problem | None:
    """Why a file is not read; a program's waivers are reviewed with the program."""
    if not file.resolve().is_relative_to(file.parent.resolve()):
        what = "is a link to a file outside the folder of the program"
        return _problem("", what, "copy that file to its place")
    if not file.is_file():
        return _problem("", "is not a regular file", "write the waivers to a file of that name")
    return None


def _entries(
    section: str, written: Any, form: type[Waiver | AcceptedType], problems: list[Problem]
) -> Iterator[Waiver | AcceptedType]:
    if written is None:
        return
    if not isinstance(written, list):
        problems.append(_problem(section, "is not a list", "write a list of entries"))
        return
    names = [field.name for field in fields(form)]
    required = [name for name in names if name != "stack"]
    for number, entry in enumerate(cast("list[Any]", written)):
        path = f"{section}[{number}]"
        if not isinstance(entry, Mapping):
            problems.append(_problem(path, "is not a mapping", f"write {', '.join(required)}"))
            continue
        given = cast("Mapping[str, Any]", entry)
        before = len(problems)
        for name in sorted(given.keys() - {*names}, key=str):
            near = nearest(str(name), names)
            fix = f"write {near}" if near else f"one of: {', '.join(names)}"
            problems.append(_problem(f"{path}.{name}", "is not a field of an entry", fix))
        for name in required:
            text = given.get(name)
            if not isinstance(text, str) or not any(map(str.isalnum, text)):
                what = "is missing" if name not in given else f"is {text!r}, and not a text"
                problems.append(_problem(f"{path}.{name}", what, f"set {name}"))
        if not isinstance(given.get("stack", ""), str):
            problems.append(_problem(f"{path}.stack", "is not a text", "write a stack's name"))
        if len(problems) == before:
            yield form(**{name: given[name] for name in names if name in given})


def _problem(path: str, what: str, fix: str) -> Problem:
    return Problem(f"{FILE}: {path}" if path else FILE, what, _IGNORED, fix)
