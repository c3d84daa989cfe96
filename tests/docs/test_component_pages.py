"""Pages of components have the same outline: the example first, then the same sections in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.docs import ROOT

PAGES = [
    page for page in sorted((ROOT / "docs/components").glob("*.md")) if page.name != "README.md"
]
OUTLINE = ["Arguments", "Outputs", "Limits", "Upgrade notes"]
WITHOUT = {"budget.md": {"Outputs"}, "data-tier.md": {"Arguments"}}
"""TimeoutBudget is a value without outputs; the data tiers have arguments for each kind."""


def headings(page: Path) -> list[str]:
    """The second-level headings of ``page`` in order."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_example(page: Path) -> None:
    assert re.match(r"# [^\n]+\n\n```python\n", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_sections_of_the_outline_in_order(page: Path) -> None:
    wanted = [name for name in OUTLINE if name not in WITHOUT.get(page.name, set())]
    assert [name for name in headings(page) if name in wanted] == wanted
