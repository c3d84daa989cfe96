"""Pages with numbered steps work: their offline commands print what the pages show."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.tutorial import ROOT, TUTORIAL, Step, edit, run, steps, unmatched

ADD_A_SERVICE = ROOT / "docs/how-to/add-a-service.md"
BRING_A_SERVER = ROOT / "docs/how-to/bring-your-server.md"
FIRST_ON_A_CLUSTER = "make up"


def offline(page: Path) -> list[Step]:
    """The steps before the first command that needs a cluster."""
    found = steps(page)
    ends = [
        number
        for number, step in enumerate(found)
        if any(command.startswith(FIRST_ON_A_CLUSTER) for command in step.commands)
    ]
    return found[: ends[0]] if ends else found


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The tracked files as they are now, committed in a repository of their own."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in tracked:
        if name and (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "a clone"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / ".venv").symlink_to((ROOT / ".venv").resolve())
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [TUTORIAL, ADD_A_SERVICE, BRING_A_SERVER], ids=lambda page: page.name
)
def test_the_offline_steps_print_what_the_page_shows(page: Path, clone: Path) -> None:
    """In order, since a later step continues an earlier one."""
    output = ""
    for step in offline(page):
        for block in step.blocks:
            if block.kind == "sh":
                output = "".join(run(line, clone).stdout for line in block.text.splitlines())
            elif block.kind == "diff":
                edit(block.text, clone)
            else:
                assert unmatched(block.text, output) is None, f"{step.title}\n{output}"


def test_the_tutorial_has_offline_steps_and_steps_on_a_cluster() -> None:
    assert len(steps()) > len(offline(TUTORIAL)) > 0
    assert all(step.commands for step in steps())


@pytest.mark.parametrize("page", [TUTORIAL, BRING_A_SERVER], ids=lambda page: page.name)
def test_no_offline_step_deploys(page: Path) -> None:
    commands = [command for step in offline(page) for command in step.commands]
    assert commands
    assert not [command for command in commands if command.startswith("make up")]


@pytest.mark.parametrize(
    ("printed", "output", "missing"),
    [
        ("a\n…\nc", "a\nb\nb\nc\nd", None),
        ("a  b", "a b", None),
        ("a … d", "a b c d", None),
        ("a\nc", "a\nb\nc", "c"),
        ("…\nc\n…\na", "a\nb\nc", "a"),
        ("a.c", "abc", "a.c"),
    ],
)
def test_a_line_that_is_not_printed_is_found(
    printed: str, output: str, missing: str | None
) -> None:
    assert unmatched(printed, output) == missing
