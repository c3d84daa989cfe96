"""Which stack a verb is about: the program's folder, its project, and the stack's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from graph.programs import ROOT
from graph.stack_files import OURS, project_name


@dataclass(frozen=True)
class StackIdentity:
    """One stack, as Pulumi knows it too: by the name of its project and its own.

    Attributes:
        root: the folder of the program.
    """

    root: Path
    project: str
    name: str

    @classmethod
    def of(cls, root: Path, name: str) -> StackIdentity:
        """The stack of the program in ``root``.

        Raises:
            ProblemReport: there is no Pulumi program.
        """
        root = root.resolve()
        return cls(root, project_name(root), name)

    @property
    def key(self) -> str:
        """What its state folder and its ApplySet are called: never those of another project's."""
        if self.project == OURS:
            return self.name
        return re.sub(r"[^a-z0-9.]+", "-", f"{self.project}.{self.name}".lower())

    def command(self, verb: str) -> str:
        """What to type to do ``verb`` to it."""
        if self.root == ROOT:
            return f"make {verb} STACK={self.name}"
        return f"qudag-mcp {verb} -C {self.root} --stack {self.name}"
