"""Words that the project replaced by the field's own terms do not come back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tools.docs import ROOT, pages

REPLACED: Final = r"\bd[o]ors?\b|f[o]retold|\bcr[o]wd\b"
"""The brackets keep this file from matching its own pattern."""

REMAINING: Final = frozenset(
    {
        "components/aws/container.py",
        "components/aws/container_checks.py",
        "components/aws/function.py",
        "components/aws/load_balancer.py",
        "components/azure/container_args.py",
        "components/azure/function.py",
        "components/gcp/checks.py",
        "tests/components/aws/test_ecs_fargate.py",
        "tests/components/aws/test_ecs_fargate_refusals.py",
        "tests/harness/cloud_cases.py",
        "tests/policies/broken_aws.yaml",
        "tests/programs/golden/prod.txt",
    }
)
"""Files in which a replaced word may still occur. Only ever remove a line."""


UNCLEAR: Final = re.compile(
    r"\b(beside|hops?|forgets?|forgotten|heeds?|letters of|nobody knows)\b",
    re.IGNORECASE,
)
"""Words of prose that a reader cannot look up: riddles and things described as persons."""

AMBIGUOUS: Final = re.compile(
    r"\b((is|are|be) told|(?<!certificate )authorit(y|ies))\b", re.IGNORECASE
)
"""Words with a plainer one: notified, reported; CA. Entries of the changelog keep theirs."""


def files_with(pattern: str) -> set[str]:
    """The tracked files that ``pattern`` occurs in, in upper or lower case."""
    found = subprocess.run(
        ["git", "grep", "-liE", pattern],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert found.returncode in {0, 1}, found.stderr
    return set(found.stdout.splitlines())


def test_replaced_words_occur_in_no_other_file() -> None:
    assert sorted(files_with(REPLACED) - REMAINING) == []


def test_a_word_that_is_there_is_found() -> None:
    assert "tests/docs/test_words.py" in files_with("REPL[A]CED")


def prose(page: Path) -> str:
    """The sentences of ``page``: no code, and no generated tables."""
    text = re.sub(r"<!-- generated.*?<!-- end generated -->", "", page.read_text(), flags=re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_in_words_that_a_reader_can_look_up(page: Path) -> None:
    assert [found[0] for found in UNCLEAR.finditer(prose(page))] == []


@pytest.mark.parametrize(
    "page",
    [page for page in pages() if page.name != "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_prose_has_no_word_with_a_plainer_one(page: Path) -> None:
    assert [found[0] for found in AMBIGUOUS.finditer(prose(page))] == []
