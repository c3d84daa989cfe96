"""Whether this command runs from a checkout of the project, or from the wheel `qudag-mcp`."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Final

from components.base.problems import Problem, ProblemReport

ROOT: Final = Path(__file__).resolve().parents[1]
"""The checkout; in the wheel the folder that its packages are in."""

IS_CHECKOUT: Final = (ROOT / "pyproject.toml").is_file()

DEFAULT_PROGRAM: Final = ROOT if IS_CHECKOUT and not Path("Pulumi.yaml").is_file() else Path()
"""The folder of the program that verbs are about: the current one, or else the checkout's."""

_NEEDING: Final = {
    "add-server", "bench", "call", "down", "outputs", "package", "schema", "token", "tools", "up",
    "verify",
}  # fmt: skip
"""Verbs that use the program and the server of this project, which only a checkout contains."""


def command_version() -> str:
    """The version of this command."""
    if not IS_CHECKOUT:
        return version("qudag-mcp")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def refuse_without_checkout(verb: str) -> None:
    """Raises ProblemReport for a verb that needs a checkout, if there is none."""
    if IS_CHECKOUT or verb not in _NEEDING:
        return
    raise ProblemReport(
        [
            Problem(
                path=f"qudag-mcp {verb}",
                what="the verb needs a checkout of the project, and this is the installed wheel",
                consequence="nothing was done",
                fix="clone the project and call .venv/bin/qudag-mcp there after `make preview`",
            )
        ]
    )
