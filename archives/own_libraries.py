"""Adds the user's own code and the libraries that it requires to an archive."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from components.base.problems import Problem, ProblemReport

from .hosts import CODE_FOLDER, ENTRY_FILE, PACKAGE, Host
from .own_code import REQUIREMENTS, OwnCode, modules_in, shadow_problem
from .own_requirements import missing

REMOVED_MODULES = {
    12: "asynchat asyncore distutils imp smtpd",
    13: "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev "
    "pipes sndhdr spwd sunau telnetlib uu xdrlib",
}
"""By minor release of Python 3: what the standard library has no more, and libraries may bring."""
_AT_START = ("sitecustomize", "usercustomize")
"""Modules that Python imports when it starts."""
Install = Callable[[Path, Path, Sequence[str]], None]
"""Installs a list of requirements into a folder, with further options."""
KEPT_METADATA = ("METADATA", "entry_points.txt", "licenses/")
"""Files of a distribution's metadata that archives keep."""
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
        *_shadowing_python(own, host),
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
        if not top.endswith(".dist-info") or within.startswith(KEPT_METADATA):
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


def _shadowing_python(own: Path, host: Host) -> Iterator[Problem]:
    """Libraries with modules that hosts find before those of Python or of the archive's entry."""
    names = _standard_library(host.python)
    entries = {entry.partition(".")[0] for entry in host.entries}
    for name in sorted(_modules_at_top(own)):
        if name in _AT_START:
            what = f"a required library has a module {name}, which Python imports when it starts"
        elif name in names:
            what = f"a required library has a module {name}, and so has Python's standard library"
        elif name in entries:
            what = f"a required library has a module {name}, which the cloud starts"
        else:
            continue
        yield Problem(
            "code",
            what,
            "it would be imported in place of the other, by the server too",
            f"remove the library from {REQUIREMENTS}, or require a version without that module",
        )


def _standard_library(python: str) -> set[str]:
    minor = int(python.split(".")[1])
    removed = {
        name
        for release, names in REMOVED_MODULES.items()
        if release <= minor
        for name in names.split()
    }
    return set(sys.stdlib_module_names) - removed


def _modules_at_top(folder: Path) -> set[str]:
    """The modules and packages of a folder; one without `__init__` never hides another one."""
    return {
        path.name.partition(".")[0]
        for path in folder.iterdir()
        if path.suffix in {".py", ".so"} or any(path.glob("__init__.*"))
    }


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
