"""Every public dataclass has a table of its fields, so that no argument has to be guessed."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Final

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
