"""The versions that this project pins, from ``versions.json``: the one place to change them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypedDict, cast

from .problems import Problem, ProblemReport

FILE: Final = Path(__file__).parents[1] / "versions.json"


class Images(TypedDict):
    """Container images, each with registry and tag.

    Attributes:
        python: the image that the server's own image is built on.
    """

    server: str
    gateway: str
    postgres: str
    valkey: str
    postgresExporter: str
    valkeyExporter: str
    prometheus: str
    alertmanager: str
    blackboxExporter: str
    grafana: str
    collector: str
    logStore: str
    traceStore: str
    envoy: str
    python: str


class Kubernetes(TypedDict):
    """Versions of Kubernetes.

    Attributes:
        podSecurity: of the Pod Security Standard that namespaces enforce.
        localNode: of the node that `make up` starts where there is no other cluster.
    """

    podSecurity: str
    localNode: str


class Pulumi(TypedDict):
    """Versions of the Pulumi CLI.

    Attributes:
        oldest: the oldest on PATH that is used.
        cli: the release that is downloaded where there is none.
        checksums: SHA-256 of the release's archives, by platform.
    """

    oldest: str
    cli: str
    checksums: dict[str, str]


class Python(TypedDict):
    """Versions of Python.

    Attributes:
        functions: that the clouds run functions with.
        compiler: of CPython, which makes the bytecode in the functions' archives.
    """

    functions: str
    compiler: str


class Versions(TypedDict):
    """All of the file.

    Attributes:
        packages: Pulumi's SDK and those of the providers, by the name of the distribution.
        emulators: npm packages that stand for two clouds' tables in tests.
    """

    images: Images
    kubernetes: Kubernetes
    pulumi: Pulumi
    python: Python
    packages: dict[str, str]
    emulators: dict[str, str]


class BrokenVersions(ProblemReport, SystemExit):
    """The file is not what it must be.

    It is read when modules are imported, where no command can catch it yet: as a SystemExit it
    ends the process with its message alone.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(problems)
        self.code = str(self)


_NUMBERS: Final = r"\d+(\.\d+)*"
_IMAGE: Final = r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+:\w[\w.-]*"
_BASE_IMAGE: Final = _IMAGE + "@sha256:[0-9a-f]{64}"
"""Base images of our images, pinned by digest because tags can move."""
_FORMS: Final[dict[str, dict[str, str]]] = {
    "images": {
        **dict.fromkeys(("server", "gateway", "postgres", "valkey", "envoy"), _IMAGE),
        **dict.fromkeys(("python", "rust"), _BASE_IMAGE),
    },
    "kubernetes": {"podSecurity": r"v1\.\d{2}", "localNode": r"v1\.\d+\.\d+"},
    "pulumi": {"oldest": _NUMBERS, "cli": r"\d+\.\d+\.\d+"},
    "pulumi.checksums": {"linux-x64": "[0-9a-f]{64}", "*": "[0-9a-f]{64}"},
    "python": {"functions": r"\d+\.\d+", "compiler": _NUMBERS},
    "packages": {"pulumi": _NUMBERS, "*": _NUMBERS},
    "emulators": {"*": _NUMBERS},
}
"""By section and key, the regular expression of a version; ``*`` is any other key."""


def read(file: Path) -> Versions:
    """The versions in ``file``.

    Raises:
        BrokenVersions: it cannot be read, or a version is missing or has a wrong form.
    """
    try:
        written: Any = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BrokenVersions([_problem(f"cannot be read: {error}", "")]) from None
    if problems := list(_problems(written)):
        raise BrokenVersions(problems)
    return cast("Versions", written)


def _problems(written: Any) -> Iterator[Problem]:
    for path, forms in _FORMS.items():
        section: Any = written
        for key in path.split("."):
            inside = cast("dict[str, Any]", section) if isinstance(section, dict) else {}
            section = inside.get(key)
        if not isinstance(section, dict):
            yield _problem("is missing, or no mapping", path)
            continue
        given = cast("dict[str, Any]", section)
        for key in {**forms, **given}:
            form = forms.get(key, forms.get("*"))
            if key == "*" or form is None:
                continue
            value = given.get(key)
            if not (isinstance(value, str) and re.fullmatch(form, value, re.ASCII)):
                yield _problem(f"is {value!r}"[:80], f"{path}.{key}")


def _problem(what: str, path: str) -> Problem:
    return Problem(
        path=f"components/versions.json{f': {path}' if path else ''}",
        what=what,
        consequence="nothing says which release is meant",
        fix="write the version as it is in the last commit, with other numbers",
    )


VERSIONS: Final = read(FILE)


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare it: ``3.13.0`` is (3, 13, 0)."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))
