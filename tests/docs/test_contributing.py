"""CONTRIBUTING.md names files that exist and folders in the order in which they may import."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.docs import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
PATHS = sorted(
    {
        path
        for path in re.findall(r"`([\w./-]+)`", TEXT)
        if "/" in path.rstrip("/") or path.endswith(("/", ".py", ".md", ".yaml", ".in", ".txt"))
    }
)
CODE = (
    "tests",
    "tools",
    "delivery",
    "review",
    "stacks",
    "policies",
    "graph",
    "archives",
    "components",
    "runtime",
)
"""The folders of code; each may import from those after it."""
SUBFOLDERS = {
    "config": "stacks",
    "rules": "stacks",
    "topologies": "stacks",
    "targets": "stacks",
    "base": "components",
    "mcp": "components",
    "kubernetes": "components",
    "programs": "tests",
    "artifacts": "tests",
    "cluster": "tests",
    "e2e": "tests",
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below ``heading``, without its head."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = re.search(r"(^\|.*\n)+", section, re.MULTILINE)
    assert table
    lines = [line.strip("|").split(" | ") for line in table[0].splitlines()]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def located(path: str) -> Path:
    """Where ``path`` is; a folder such as ``config/`` is below the one that is spoken of."""
    first, _, rest = path.partition("/")
    above = SUBFOLDERS.get(first) if not rest and not (ROOT / path).exists() else None
    if path == "platform.py":
        above = "stacks"
    return ROOT / (above or "") / path if path != "facts.py" else ROOT / "components/aws/facts.py"


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_the_page_names_exists(path: str) -> None:
    assert located(path).exists()


@pytest.mark.parametrize(
    "subject",
    [
        "service to a topology",
        "Add a topology",
        "cloud",
        "component",
        "CronJob",
        "field of `Gateway`",
        "configuration field",
        "version",
        "policy rule",
        "error text",
        "documentation page",
    ],
)
def test_each_common_change_has_a_row_with_files_and_a_test(subject: str) -> None:
    found = [row for row in rows("Common changes") if subject in row[0]]
    assert found
    for change in found:
        assert "`" in change[1], "which files"
        assert "tests/" in change[2] or "make " in change[2], "how to test it"


def test_every_folder_of_code_has_a_row_in_the_order_of_imports() -> None:
    listed = [row[0].strip("`/") for row in rows("Folders")]
    assert [folder for folder in listed if folder in CODE] == list(CODE)
    tops = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("**/*.py"))}
    hidden = {name for name in tops if name.startswith((".", "_"))} | {"out", "build", "dist"}
    assert tops - hidden <= set(listed)
