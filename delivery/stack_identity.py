"""Identifies a stack: the program's folder, the project's name and the stack's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.base.problems import Problem, ProblemReport
from graph.programs import ROOT
from graph.stack_files import OURS, project_name

_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"


@dataclass(frozen=True)
class StackIdentity:
    """A stack, identified as in Pulumi by project and name.

    Attributes:
        root: the folder of the Pulumi program.
    """

    root: Path
    project: str
    name: str

    @classmethod
    def of(cls, root: Path, name: str) -> StackIdentity:
        """The stack ``name`` of the Pulumi program in ``root``.

        Raises:
            ProblemReport: the folder has no Pulumi program, or no stack can have that name.
        """
        root = root.resolve()
        if not re.fullmatch(_NAME, name):
            raise ProblemReport(
                [
                    Problem(
                        f"--stack {name}",
                        "letters, digits, _, - and . alone are names of stacks in Pulumi",
                        "there is no such stack",
                        "write NAME of Pulumi.NAME.yaml",
                    )
                ]
            )
        return cls(root, project_name(root), name)

    @property
    def key(self) -> str:
        """The name of its state folder and ApplySet; unique across projects."""
        if self.project == OURS:
            return self.name
        return re.sub(r"[^a-z0-9.]+", "-", f"{self.project}.{self.name}".lower())

    def command(self, verb: str) -> str:
        """The shell command that runs ``verb`` for this stack."""
        if self.root == ROOT:
            return f"make {verb} STACK={self.name}"
        return f"qudag-mcp {verb} -C {self.root} --stack {self.name}"
