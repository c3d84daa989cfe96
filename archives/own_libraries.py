"""Adds the user's own code and the libraries that it requires to an archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from components.base.problems import Problem, ProblemReport

from .hosts import CODE_FOLDER, ENTRY_FILE, PACKAGE, Host
from .own_code import OwnCode, modules_in, shadow_problem
from .own_requirements import missing

Install = Callable[[Path, Path, Sequence[str]], None]
"""Installs a list of requirements into a folder, with further options."""
_KEPT_METADATA = ("METADATA", "entry_points.txt", "licenses/")
_NOT_IMPORTED = ("bin", "__pycache__")


def add_libraries(host: Host, code: OwnCode, libraries: Path, work: Path, install: Install) -> None:
    """Install what the code requires in addition to the server's own libraries.

    Args:
        libraries: folder with the server's own libraries.
        work: an empty folder.

    Raises:
        ProblemReport: a library is missing, or has files of one of the server's.
    """
    given = host.own_requirements()
    own = work / "own"
    own.mkdir(parents=True)
    if given.lines:
        listed = work / "requirements.txt"
        listed.write_text("".join(f"{line.text}\n" for line in given.lines.values()))
        install(own, listed, ["--require-hashes"] if given.hashed else [])
    problems = [
        *given.problems,
        *missing(own, given, ours=host.libraries_of_ours(), environment=host.environment),
        *_overwritten(own, libraries),
        *_shadowed(code, own, libraries),
    ]
    if problems:
        raise ProblemReport(problems)
    shutil.copytree(own, libraries, dirs_exist_ok=True)


def packaged(libraries: Path) -> Iterator[Path]:
    """All files of the libraries but scripts and what differs between machines.

    Own code may import any of them, also by computed names.
    """
    for file in sorted(libraries.rglob("*")):
        inside = file.relative_to(libraries)
        top = inside.parts[0]
        if not file.is_file() or top in _NOT_IMPORTED or top.startswith("."):
            continue
        within = inside.relative_to(top).as_posix()
        if not top.endswith(".dist-info") or within.startswith(_KEPT_METADATA):
            yield file


def lay_out(code: OwnCode, tree: Path) -> None:
    """Copy the code and its entry to their places below ``tree``."""
    (tree / ENTRY_FILE).write_text(json.dumps({"entry": code.entry}) + "\n")
    for name, file in code.files().items():
        target = tree / CODE_FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def compile_problems(failed: dict[str, str]) -> list[Problem]:
    """The problems of modules that could not be compiled, without those of libraries.

    Args:
        failed: the compiler's words by path in the archive.
    """
    return [
        Problem(
            "code",
            f"{path.removeprefix(f'{CODE_FOLDER}/')} is not Python: {said}",
            "the function would end with an error when it imports it",
            "correct it",
        )
        for path, said in sorted(failed.items())
        if path.startswith(f"{CODE_FOLDER}/")
    ]


def _overwritten(own: Path, libraries: Path) -> Iterator[Problem]:
    """Libraries with files that one of the server's libraries has, too."""
    for file in sorted(own.rglob("*.py")):
        inside = file.relative_to(own)
        if (libraries / inside).exists() or inside.parts[0] == PACKAGE:
            yield Problem(
                "code",
                f"a required library has {inside.as_posix()}, and so has the server",
                "one of them would be imported in place of the other",
                "require another library",
            )


def _shadowed(code: OwnCode, own: Path, libraries: Path) -> Iterator[Problem]:
    """Modules of the code that have the name of a library's; a preview may not know them all."""
    tops = {
        file.name.partition(".")[0]
        for folder in (own, libraries)
        for file in folder.iterdir()
        if file.suffix in {".py", ".so"} or (file.is_dir() and "." not in file.name)
    }
    for name in sorted(modules_in(code.files()) & tops):
        yield shadow_problem(name, "a library in the archive")
