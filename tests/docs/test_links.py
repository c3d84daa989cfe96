"""Every relative link of every tracked Markdown file leads to a file, and to a heading in it."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tools.docs import ROOT

PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    if "golden" not in name
]
"""The golden files are reports of a made-up stack; their links are not relative to them."""


def prose(page: Path) -> str:
    """The text of ``page`` without its code blocks and without code in single backquotes."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


@cache
def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page's text."""
    text = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    found: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return set(found)


def links(page: Path) -> list[str]:
    """The relative links of ``page``, in inline and in reference form."""
    text = prose(page)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r"^\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE
    )
    return [link for link in found if not re.match(r"(https?|mailto):", link)]


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """What is wrong with the links of ``page``, one line a link."""
    problems: list[str] = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            problems.append(f"{link}: there is no such file")
        elif not target.is_relative_to(root):
            problems.append(f"{link}: is outside of the repository")
        elif anchor and anchor not in anchors(target.read_text()):
            problems.append(f"{link}: {target.name} has no heading #{anchor}")
    return problems


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(page: Path) -> None:
    assert not broken(page)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](absent.md)\n\n[d]: absent.md\n`[e](x.md)`\n")
    assert [line.partition(":")[0] for line in broken(page, tmp_path)] == [
        "#two",
        "absent.md",
        "absent.md",
    ]


def test_every_page_is_linked_from_another_page() -> None:
    """A page that no other page links to cannot be found by a reader."""
    linked = {
        (page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)
    }
    assert set(PAGES) - linked - {ROOT / "README.md"} == set()


def test_the_start_page_lists_every_page_of_its_folders() -> None:
    start = ROOT / "docs/README.md"
    linked = {(start.parent / link.partition("#")[0]).resolve() for link in links(start)}
    folders = ("how-to", "reference", "explanation")
    listed = {page for folder in folders for page in (ROOT / "docs" / folder).glob("*.md")}
    assert listed - linked == set()
