"""Finds the Python environment of a Pulumi program: Pulumi.yaml says where it is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from components.base.problems import Problem, ProblemReport

from .stack_files import PROJECT_FILE, project_file


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A Python interpreter with the packages of a program.

    Attributes:
        python: the interpreter.
        name: the environment in messages.
        install: the command that installs the program's packages into it.
    """

    python: Path
    name: str
    install: str


def environment_of(root: Path, variables: Mapping[str, str] = os.environ) -> Environment:
    """The environment of the program under ``root``.

    It is the virtual environment that Pulumi.yaml names or that its toolchain makes; else the
    active one (``VIRTUAL_ENV``); else the one of this command, where it has ``pulumi``; else
    ``python3`` on PATH.

    Raises ProblemReport where the program is not in Python, or its environment is not made yet.
    """
    runtime, options = _runtime(root)
    if runtime != "python":
        raise _refused(
            root / PROJECT_FILE,
            f"its runtime is {runtime}",
            "preview a program in Python; for another language, run `pulumi preview`",
        )
    toolchain = str(options.get("toolchain") or "pip")
    named = str(options["virtualenv"]) if options.get("virtualenv") else None
    install = _install(root, toolchain, named)
    for place in _places(root, toolchain, named, variables):
        if python := _python(place):
            return Environment(python=python, name=str(place), install=install)
    if named or toolchain != "pip":
        where = named or f"environment of {toolchain}"
        raise _refused(
            root / PROJECT_FILE,
            f"the program's virtual environment does not exist: {where}",
            install,
        )
    if importlib.util.find_spec("pulumi"):
        return Environment(python=Path(sys.executable), name=sys.prefix, install=install)
    found = shutil.which("python3") or shutil.which("python")
    if found is None:
        raise _refused(root, "there is no python3 on PATH", install)
    return Environment(python=Path(found), name=found, install=install)


def _runtime(root: Path) -> tuple[str, dict[str, Any]]:
    """Name and options of ``runtime`` in Pulumi.yaml."""
    stated = project_file(root).get("runtime", "python")
    if not isinstance(stated, dict):
        return str(stated), {}
    runtime = cast("dict[str, Any]", stated)
    options = runtime.get("options")
    return str(runtime.get("name", "python")), (
        cast("dict[str, Any]", options) if isinstance(options, dict) else {}
    )


def _places(
    root: Path, toolchain: str, named: str | None, variables: Mapping[str, str]
) -> list[Path]:
    """Folders that may be the virtual environment; the first that exists is the program's."""
    places: list[Path] = []
    if named:
        places.append(root / Path(named).expanduser())
    elif toolchain == "uv":
        stated = variables.get("UV_PROJECT_ENVIRONMENT", ".venv")
        places += [folder / stated for folder in (root, *root.parents)]
    elif toolchain == "poetry":
        places += [root / ".venv", *_of_poetry(root)]
    if active := variables.get("VIRTUAL_ENV"):
        places.append(Path(active))
    return places


def _of_poetry(root: Path) -> list[Path]:
    if not shutil.which("poetry"):
        return []
    found = subprocess.run(
        ["poetry", "env", "info", "--path"], cwd=root, capture_output=True, text=True, check=False
    )
    return [Path(found.stdout.strip())] if found.returncode == 0 and found.stdout.strip() else []


def _python(place: Path) -> Path | None:
    for name in ("bin/python", "bin/python3", "Scripts/python.exe"):
        if (place / name).is_file():
            return place / name
    return None


def _install(root: Path, toolchain: str, named: str | None) -> str:
    """How to make the environment and to install the program's packages."""
    at = f"in {root}: "
    if toolchain == "poetry":
        return f"{at}poetry install"
    if toolchain == "uv":
        return f"{at}uv sync"
    listed = "-r requirements.txt" if (root / "requirements.txt").is_file() else "pulumi"
    if not (root / "requirements.txt").is_file() and (root / "pyproject.toml").is_file():
        listed = "-e ."
    folder = named or "venv"
    if named and _python(root / named):
        return f"{at}{folder}/bin/pip install {listed}"
    if named:
        return f"{at}python3 -m venv {folder} && {folder}/bin/pip install {listed}"
    return f"{at}pip install {listed} into it, or activate another environment"


def _refused(path: Path, what: str, fix: str) -> ProblemReport:
    consequence = "the program cannot be run"
    return ProblemReport([Problem(str(path), what, consequence, fix)])
