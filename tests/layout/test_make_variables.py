"""Values given to `make` are data: neither make nor a shell evaluates them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MAKEFILE: Final = (ROOT / "Makefile").read_text()
PROBLEMS: Final = "x;touch bad|$(touch bad)`touch bad`$(shell touch bad)\"'&& touch bad #"


def targets() -> list[tuple[str, str]]:
    """Each target of the Makefile with each variable that its help names."""
    found: list[tuple[str, str]] = []
    for target, described in re.findall(r"^([a-z0-9-]+):.*## .*\[(.*)\]$", MAKEFILE, re.MULTILINE):
        found += [(target, variable) for variable in re.findall(r"([A-Z]+)=", described)]
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with our Makefile whose programs write down their arguments and variables."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("qudag-mcp", "pytest"):
        program = programs / name
        program.write_text('#!/bin/sh\nprintf "%s\\0" "$@" "CLUSTER=$CLUSTER" > arguments\n')
        program.chmod(0o755)
    for name in ("requirements.txt", "tools/azure-worker.txt", "tools/setup"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".venv" / "ready").write_text("")
    return tmp_path


def test_make_help_names_the_variables_that_are_tried_here():
    assert {"STACK", "CLUSTER", "BASE", "FORMAT", "OUT"} <= {variable for _, variable in targets()}


@pytest.mark.parametrize(("target", "variable"), targets())
@pytest.mark.parametrize("given_by", ["argument", "environment"])
def test_a_value_arrives_unchanged_and_is_not_executed(
    checkout: Path, target: str, variable: str, given_by: str
):
    argv = ["make", target, *([f"{variable}={PROBLEMS}"] if given_by == "argument" else [])]
    env = os.environ | ({variable: PROBLEMS} if given_by == "environment" else {})
    done = subprocess.run(argv, cwd=checkout, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (checkout / "bad").exists()
    arguments = (checkout / "arguments").read_text().split("\0")
    assert any(one.partition("=")[2] == PROBLEMS for one in arguments), arguments


def test_python_of_setup_is_not_executed_by_a_shell(checkout: Path):
    setup = checkout / "tools" / "setup"
    setup.write_text('#!/bin/sh\nprintf "%s" "$1" > arguments\n')
    setup.chmod(0o755)
    subprocess.run(
        ["make", ".venv/ready", f"PYTHON={PROBLEMS}"], cwd=checkout, check=True, capture_output=True
    )
    assert (checkout / "arguments").read_text() == PROBLEMS
    assert not (checkout / "bad").exists()
