"""Loads the table of configurations that must be refused, and runs the program with them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from operator import getitem
from pathlib import Path
from typing import Any, Final, cast

import pytest
from jsonschema import Draft202012Validator

from components.base.problems import Problem, ProblemReport
from graph.recorder import record
from graph.stack_yaml import read_stack_file
from stacks.config.validation import validate
from stacks.program import main
from tests.harness.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "qudag-mcp:"


PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "observability": ("observability", "images.collector"),
    "exporters": (
        *("data.databaseExporter", "images.postgresExporter"),
        *("data.valkey.exporter", "images.valkeyExporter"),
    ),
}
"""What a case takes out of staging or prod, with the images that nothing else uses."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the table.

    Attributes:
        stack: whose configuration is changed.
        without: what of the stack's file is taken out first: a key of ``PARTS``.
        changes: what is set, section by section.
        drop: sections that are taken out.
        at: path of the first refusal, without the prefix.
        fix: a part of what it says to do.
        also: paths of further refusals that follow from the same mistake.
    """

    stack: str
    without: str | None
    changes: Mapping[str, Any]
    drop: tuple[str, ...]
    at: str
    fix: str
    also: tuple[str, ...]

    @property
    def raw(self) -> dict[str, Any]:
        """The whole configuration, with the mistake in it."""
        return changed(self.stack, self.changes, self.drop, self.without)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What validation says of it, found once for all tests of the case."""
        return refusals(self.raw, self.stack)


@cache
def _sections(stack: str) -> dict[str, Any]:
    config = read_stack_file(ROOT / f"Pulumi.{stack}.yaml")
    return {key.removeprefix(PREFIX): value for key, value in config.items()}


def changed(
    stack: str, changes: Mapping[str, Any], drop: tuple[str, ...] = (), without: str | None = None
) -> dict[str, Any]:
    """The configuration of ``stack`` with some of it replaced, and sections taken out."""
    config = copy.deepcopy(_sections(stack))
    for path in PARTS[without] if without else ():
        *sections, field = path.split(".")
        del reduce(getitem, sections, config)[field]
    _merge(config, changes)
    return {name: value for name, value in config.items() if name not in drop}


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], cast("dict[str, Any]", value))
        else:
            into[key] = copy.deepcopy(cast("Any", value))


def faults(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What ``schema`` does not accept of ``value``."""
    validator: Any = Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(value)]


def table(name: str) -> Iterator[Any]:
    """The cases of a file, as parameters of a test."""
    for group, lines in read_table(Path(__file__).parent / name).items():
        for number, line in enumerate(lines, 1):
            case = Case(
                stack=group if group in ("dev", "staging", "prod") else "dev",
                without=line.get("without"),
                changes=line.get("set", {}),
                drop=tuple(line.get("drop", ())),
                at=line["at"],
                fix=line["fix"],
                also=tuple(line.get("also", ())),
            )
            yield pytest.param(case, id=f"{group}-{number}-{line['at']}")


def refusals(raw: Mapping[str, Any], stack: str = "dev") -> tuple[Problem, ...]:
    """What validation says of sections; fails when it says nothing."""
    with pytest.raises(ProblemReport) as refused:
        validate(raw, stack=stack)
    return refused.value.problems


def refusals_of_the_program(
    raw: Mapping[str, Any], stack: str = "dev", secret_keys: tuple[str, ...] = ()
) -> tuple[Problem, ...]:
    """What the program says that the engine hands the same sections to."""
    handed = {
        name if ":" in name else PREFIX + name: value
        if isinstance(value, str)
        else json.dumps(value)
        for name, value in raw.items()
    }
    with pytest.raises(ProblemReport) as refused:
        record(main, stack=stack, config=handed, secret_keys=secret_keys)
    return refused.value.problems
