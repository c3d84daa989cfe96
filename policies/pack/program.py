"""Finds the program whose stack is checked: its folder, and whether it is this checkout's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout that the pack is part of."""
FOLDER: Final = "QUDAG_MCP_PROGRAM"
"""Environment variable with the program's folder, where the pack cannot find it itself."""


@dataclass(frozen=True)
class Program:
    """The program of a stack.

    Attributes:
        folder: that of ``Pulumi.yaml``; None if it is not found.
        own: whether it is the program of this checkout: every finding refuses then.
    """

    folder: Path | None
    own: bool


def program(
    project: str, environment: Mapping[str, str] = os.environ, started_from: Path | None = None
) -> Program:
    """The program of a project. The engine starts a pack in the pack's folder, and tells no other.

    Args:
        environment: ``PWD`` is the folder in which Pulumi was called; it or one above it has
            ``Pulumi.yaml``.
        started_from: the folder of the process that started this one: with ``pulumi -C FOLDER``
            it is the program's folder. Only Linux provides it.
    """
    told = (environment.get(FOLDER), started_from, environment.get("PWD"))
    folders = (each for one in told if one for each in _with_parents(Path(one)))
    folder = next((each for each in folders if _name(each) == project), None)
    if folder is None:  # of a name that is ours the stricter reading
        return Program(None, own=project == _name(ROOT))
    return Program(folder, own=folder == ROOT)


def folder_of_parent() -> Path | None:
    """The folder of the process that started this one; None where the system does not tell it."""
    try:
        return Path(f"/proc/{os.getppid()}/cwd").resolve(strict=True)
    except OSError:
        return None


def _with_parents(folder: Path) -> Iterator[Path]:
    yield folder.resolve()
    yield from folder.resolve().parents


def _name(folder: Path) -> str | None:
    """The name in a folder's ``Pulumi.yaml``; None without one that can be read."""
    try:
        read: Any = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return cast("dict[str, Any]", read).get("name") if isinstance(read, dict) else None
