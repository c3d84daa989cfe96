"""The tutorial's offline commands print what it shows; its other commands have a test on pods."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.tutorial import ROOT, Step, run, steps, unmatched

FIRST_ON_A_CLUSTER = "make up"


def offline() -> list[Step]:
    """The steps before the first command that needs a cluster."""
    found = steps()
    (first,) = (n for n, step in enumerate(found) if FIRST_ON_A_CLUSTER in step.commands)
    return found[:first]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files as they are now, committed in a repository of their own."""
    folder = tmp_path_factory.mktemp("clone")
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in tracked:
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "a clone"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    return folder


def test_the_offline_steps_print_what_the_tutorial_shows(clone: Path) -> None:
    """In order, since a later step continues an earlier one."""
    for step in offline():
        output = "".join(run(command, clone).stdout for command in step.commands)
        assert unmatched(step.printed, output) is None, f"{step.title}\n{output}"


def test_the_tutorial_has_offline_steps_and_steps_on_a_cluster() -> None:
    assert len(steps()) > len(offline()) > 0
    assert all(step.commands for step in steps())


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
