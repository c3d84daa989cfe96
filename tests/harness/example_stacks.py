"""Deploys stack files of examples/ as a user does who copies them beside the program."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from delivery.stack_identity import StackIdentity

from .deployed_platform import ROOT, Platform, deployed_program, deployed_stack, stack_options, verb
from .restricted_path import path_without


@dataclass(frozen=True)
class Running:
    """A deployed stack."""

    stack: StackIdentity
    platform: Platform

    def verified(self) -> dict[str, str]:
        """The result of each check of `verify`; fails if one of them does."""
        ran = verb("verify", "--json", *stack_options(self.stack))
        assert ran.status == 0, ran.err
        return {one["check"]: one["result"] for one in json.loads(ran.out)}


def program_in(folder: Path) -> None:
    """Write the program of this checkout into a folder of its own, without a stack file."""
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    # Its environment is that of these tests, and its modules are those of the checkout.
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project | {"runtime": "python"}))
    path = f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})\n"
    (folder / "__main__.py").write_text(path + (ROOT / "__main__.py").read_text())


@contextlib.contextmanager
def copied(file: Path, folder: Path) -> Generator[StackIdentity]:
    """The program of this checkout in a folder of its own, with this stack file and its own state.

    A stack of the same name that is deployed from the checkout is another one to every command.
    """
    program_in(folder)
    shutil.copy(file, folder)
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("QUDAG_MCP_STATE", str(folder / "state"))
        changed.setenv("PATH", path_without("pulumi"))
        yield StackIdentity.of(folder, file.stem.removeprefix("Pulumi."))


@contextlib.contextmanager
def running(file: Path, folder: Path) -> Generator[Running]:
    """The stack of this file, deployed and, at the end, deleted; the cluster stays.

    The stack of `make up` is taken as it is, and stays up, as in the tests of tests/e2e.
    """
    with contextlib.ExitStack() as opened:
        if file == ROOT / "Pulumi.dev.yaml":
            stack = StackIdentity.of(ROOT, "dev")
            platform = opened.enter_context(deployed_stack(stack))
        else:
            stack = opened.enter_context(copied(file, folder))
            platform = opened.enter_context(deployed_program(stack))
        yield Running(stack, platform)
