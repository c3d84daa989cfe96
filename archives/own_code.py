"""A folder with the user's own server: which of its files an archive contains, and what is refused.

Nothing in the folder is run. A preview reads it and needs no network.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final, cast

from components.base.problems import Problem

from .entry import DEFAULT_ENTRY, entry_problems

REQUIREMENTS: Final = "requirements.txt"
LEFT_OUT_FOLDERS: Final = ("__pycache__", "venv", "tests", "test", "node_modules", "*.egg-info")
LEFT_OUT_FILES: Final = ("*.pyc", "test_*.py", "*_test.py", "conftest.py")
"""Names of files and folders that are left out, besides names that begin with a dot."""
SECRET_FILES: Final = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.ppk", "*.kdbx", "*.env"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials", "credentials.*", "secrets.*"),
    *("secret.*", "local.settings.json", "client_secret*.json", "kubeconfig", "*.tfvars"),
    *("*.tfstate", "htpasswd"),
)
"""Names of files that hold secrets; a module, `.py`, is none."""
SECRET_FOLDERS: Final = (
    *("secret", "secrets", "*[-_]secrets", "credential", "credentials", "*[-_]credentials"),
    *("private[-_]keys", "ssh", "gnupg"),
)
"""Names of folders that hold secrets; modules in them are none."""
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----(\s|\\n)*"
    rb"([A-Za-z-]+: [^\n]*\n\s*)*[A-Za-z0-9+/]{16}"
)
_MOVE = (
    "move it out of the folder, and give the function its secrets by the field secrets; rename it "
    "if it is none"
)
_READABLE = "anybody who can read the archive in the cloud could read the secret"


@dataclass(frozen=True, kw_only=True)
class OwnCode:
    """A folder with a server of the official SDK.

    Attributes:
        folder: the folder.
        entry: `module:name` of the server object in it.
    """

    folder: Path
    entry: str = DEFAULT_ENTRY

    @property
    def label(self) -> str:
        """The folder's name, as a part of a file's name."""
        plain = re.sub("[^a-z0-9]+", "-", self.folder.resolve().name.lower()).strip("-")
        return plain[:30] or "code"

    def files(self) -> Mapping[str, Path]:
        """The files that an archive contains, by their path in the folder, in a fixed order."""
        return _Walk(self.folder).files

    def problems(
        self, program: Path, *, reserved: Mapping[str, str], largest: int
    ) -> Iterator[Problem | TooLarge]:
        """Everything that cannot be packaged, at the paths `code` and `entry`.

        Args:
            program: folder of the stack file.
            reserved: names of modules that the folder must not have, each with whose they are.
            largest: bytes that the files may have together; contents of more are not read.
        """
        if problem := _folder_problem(self.folder, program):
            yield problem
            return
        walk = _Walk(self.folder)
        yield from walk.problems
        yield from _shadowing(walk.files, reserved)
        yield from _undeclared(self.folder)
        yield from entry_problems(self.entry, walk.files)
        size = sum(file.stat().st_size for file in walk.files.values())
        if size > largest:
            yield TooLarge(size)
        else:
            yield from _secrets(walk.files)


@dataclass(frozen=True)
class TooLarge:
    """The files have more bytes than the cloud allows."""

    size: int


class _Walk:
    """Walks through a folder once; gathers files and problems."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inside = folder.resolve()
        self.files: dict[str, Path] = {}
        self.problems: list[Problem] = []
        for top, folders, names in os.walk(folder):
            place = Path(top)
            folders[:] = sorted(name for name in folders if self._enters(place / name))
            for name in sorted(names):
                if not _left_out(name, LEFT_OUT_FILES):
                    self._take(place / name)
        links = {name: file for name, file in self.files.items() if file.is_symlink()}
        taken = {file.resolve() for name, file in self.files.items() if name not in links}
        for name, file in links.items():
            if file.resolve() not in taken:
                self._refuse_link(name, "to a file that archives do not contain")
        self.files = dict(sorted(self.files.items()))

    def _enters(self, folder: Path) -> bool:
        if _left_out(folder.name, LEFT_OUT_FOLDERS) or (folder / "pyvenv.cfg").exists():
            return False
        if folder.is_symlink():
            self._refuse_link(self._name(folder), "to a folder")
            return False
        return True

    def _take(self, file: Path) -> None:
        name = self._name(file)
        if not name.isprintable() or "\\" in name:
            self._refuse(f"{name!r} has a character that is not printable, or a backslash")
        elif not Path(os.path.realpath(file)).is_relative_to(self.inside):
            self._refuse_link(name, "that leaves the folder")
        elif not file.is_file():
            self._refuse(f"{name} is neither a file nor a folder")
        else:
            self.files[name] = file

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _refuse_link(self, name: str, where: str) -> None:
        self._refuse(f"{name} is a link {where}", "put a copy in its place, or remove the link")

    def _refuse(self, what: str, fix: str = "rename or remove it") -> None:
        consequence = "it would be missing in the cloud, or differ from one machine to another"
        self.problems.append(Problem("code", what, consequence, fix))


def _left_out(name: str, patterns: tuple[str, ...]) -> bool:
    return name.startswith(".") or any(fnmatch(name, pattern) for pattern in patterns)


def _folder_problem(folder: Path, program: Path) -> Problem | None:
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        fix = "write the path of a folder, relative to the stack file"
        return Problem("code", what, "the function would have no code to run", fix)
    if program.resolve().is_relative_to(folder.resolve()):
        return Problem(
            "code",
            f"{folder} contains the stack file",
            "the program and all of its archives would be packaged",
            "put the server into a folder of its own",
        )
    return None


def _secret_folders(files: Mapping[str, Path]) -> dict[str, str]:
    """The folders with names that are usual for secrets, each with a file that is no module."""
    found: dict[str, str] = {}
    for name in files:
        place = Path(name)
        for folder in place.parents:
            last = folder.name.lower()
            if place.suffix != ".py" and any(fnmatch(last, one) for one in SECRET_FOLDERS):
                found.setdefault(folder.as_posix(), name)
    return found


def _secrets(files: Mapping[str, Path]) -> Iterator[Problem]:
    folders = _secret_folders(files)
    for folder, name in folders.items():
        what = f"{folder}/ has a name that is usual for folders with secrets, and contains {name}"
        yield Problem("code", what, _READABLE, _MOVE)
    for name, file in files.items():
        if any(name.startswith(f"{folder}/") for folder in folders):
            continue
        last = file.name.lower()
        if file.suffix != ".py" and any(fnmatch(last, pattern) for pattern in SECRET_FILES):
            what = f"{name} has a name that is usual for secrets"
        elif _PRIVATE_KEY.search(file.read_bytes()):
            what = f"{name} contains a private key"
        else:
            continue
        yield Problem("code", what, _READABLE, _MOVE)


def modules_in(files: Mapping[str, Path]) -> set[str]:
    """The names under which the folder's modules can be imported, without what follows a dot."""
    return {name.partition("/")[0].removesuffix(".py") for name in files if name.endswith(".py")}


def _shadowing(files: Mapping[str, Path], reserved: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(modules_in(files)):
        whose = "Python's standard library" if name in sys.stdlib_module_names else None
        if owner := reserved.get(name, whose):
            yield shadow_problem(name, owner)


def shadow_problem(name: str, owner: str) -> Problem:
    """The problem of a module that has the name of another one."""
    return Problem(
        "code",
        f"has a module {name}, and so has {owner}",
        "one of them would be imported in place of the other",
        f"rename {name} in the folder",
    )


def _undeclared(folder: Path) -> Iterator[Problem]:
    project = folder / "pyproject.toml"
    if (folder / REQUIREMENTS).exists() or not project.is_file():
        return
    import tomllib

    try:
        declared: object = tomllib.loads(project.read_text()).get("project")
    except ValueError:
        return
    table = cast("dict[str, object]", declared) if isinstance(declared, dict) else {}
    if table.get("dependencies"):
        yield Problem(
            "code",
            f"pyproject.toml has dependencies, and there is no {REQUIREMENTS}",
            "they would not be in the archive",
            f"uv pip compile --generate-hashes pyproject.toml -o {REQUIREMENTS}",
        )


@cache
def modules_of(distribution: str) -> frozenset[str]:
    """The top-level modules of a distribution; by its name where it is not installed here."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        files = ()
    found = {
        file.parts[0].partition(".")[0]
        for file in files
        if file.suffix in {".py", ".so"} and file.parts[0] not in {"..", "bin"}
    }
    return frozenset(found or {distribution.replace("-", "_")})
