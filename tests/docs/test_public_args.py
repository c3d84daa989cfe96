"""Every public dataclass has a table of its fields, and the choices of its fields have names."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, Final, Literal, get_origin

import pytest

import components
from tests.harness.containers import ROOT

WITHOUT_TABLE: Final = {
    "McpConfig": "the fields that PodServerConfig and CloudServerConfig share",
    "Problem": "of an exception, which a program reads and does not make",
    "Timeouts": "made by a TimeoutBudget; docs/components/budget.md has its values",
}


@pytest.mark.parametrize("name", sorted(dir(components)))
def test_a_public_dataclass_has_a_table_of_its_fields(name: str):
    if not is_dataclass(getattr(components, name)):
        return
    pages = [*ROOT.glob("docs/components/*.md"), *ROOT.glob("docs/how-to/*.md")]
    found = [page.name for page in pages if f"<!-- generated: args {name} -->" in page.read_text()]
    assert bool(found) is (name not in WITHOUT_TABLE), WITHOUT_TABLE.get(name, "no table")


COMMON_WORDS: Final = {"Addresses", "Ingress", "Protocol", "Scheme", "Subjects", "Verified"}
"""Names of choices that would say little outside their modules; each has at most four choices."""


def test_choices_of_public_fields_are_public():
    """A helper function of a strictly typed program names the type of what it passes on."""
    missing = {
        name
        for cls in [getattr(components, name) for name in dir(components)]
        if is_dataclass(cls) and isinstance(cls, type)
        for name in _choices(cls)
        if not hasattr(components, name)
    }
    assert missing == COMMON_WORDS


def _choices(cls: type[Any]) -> Iterator[str]:
    for base in cls.__mro__:
        defined = vars(sys.modules[base.__module__])
        for hint in vars(base).get("__annotations__", {}).values():
            for name in re.findall(r"\b[A-Z]\w+\b", str(hint)):
                if get_origin(defined.get(name)) is Literal:
                    yield name
