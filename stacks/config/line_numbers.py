"""Finds the line of Pulumi.<stack>.yaml for each problem."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml

from components.base.problems import Problem, ProblemReport
from graph.stack_yaml import Loader, read_stack_file

from .error_messages import KEY_PREFIX


def located(
    problems: Iterable[Problem], file: Path, given: Mapping[str, Any]
) -> tuple[Problem, ...]:
    """The problems with the file and the line where each is, in the order of the file.

    They stay as they are where the file cannot be read, or says something else than ``given``
    (section to value, without those that are encrypted): the configuration came another way.
    """
    try:
        written = {
            key.removeprefix(KEY_PREFIX): value for key, value in read_stack_file(file).items()
        }
        tree = _child(Loader(file.read_bytes()).get_single_node(), "config")
    except (OSError, ProblemReport):
        return tuple(problems)
    readable = {name: value for name, value in written.items() if not _encrypted(value)}
    if {name: value for name, value in readable.items() if ":" not in name} != given:
        return tuple(problems)
    placed = [(_line(problem.path, tree), problem) for problem in problems]
    # In the order of the file; what it lacks comes last.
    placed.sort(key=lambda entry: entry[0] or sys.maxsize)
    return tuple(
        replace(problem, path=f"{problem.path} ({file.name}{f', line {line}' if line else ''})")
        for line, problem in placed
    )


def _encrypted(value: Any) -> bool:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return "secure" in fields or any(map(_encrypted, fields.values()))
    return isinstance(value, list) and any(map(_encrypted, cast("list[Any]", value)))


def _line(path: str, tree: yaml.Node | None) -> int:
    """The line of what ``path`` leads to, or of what is nearest above it; 0 for none."""
    node, line, rest = tree, 0, path
    while node is not None and rest and (entry := _entry(node, rest)):
        line, node, rest = entry
    return line


def _entry(node: yaml.Node, rest: str) -> tuple[int, yaml.Node, str] | None:
    """Line and value of what ``rest``, the end of a path, begins with; and the end after it."""
    if isinstance(node, yaml.MappingNode):
        keys = {key.value: (key, value) for key, value in node.value}
        fits = [key for key in keys if rest.startswith(key) and rest[len(key) :][:1] in ".["]
        if fits:
            name = max(fits, key=len)
            key, value = keys[name]
            return key.start_mark.line + 1, value, rest[len(name) :].removeprefix(".")
    if isinstance(node, yaml.SequenceNode) and (index := re.match(r"\[(\d+)\]\.?", rest)):
        entry = node.value[int(index[1])]
        return entry.start_mark.line + 1, entry, rest[index.end() :]
    return None


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    entry = _entry(node, key) if node is not None else None
    return entry[1] if entry else None
