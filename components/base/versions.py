"""The versions that this project pins, from ``versions.json``: the one place to change them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, TypedDict, cast

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


VERSIONS: Final = cast("Versions", json.loads(FILE.read_text()))


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to compare it: ``3.13.0`` is (3, 13, 0)."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))
