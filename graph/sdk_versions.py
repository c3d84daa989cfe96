"""Names and versions of the SDKs of Pulumi packages that are installed beside this command."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

Shape = Any
"""JSON: ``"str"``, ``"int"``, ``"float"``, ``"bool"``, ``"file"``, ``"any"``; ``["list", shape]``,
``["map", shape]``, ``["enum", [values]]``;
or ``{"properties": {name: shape}, "required": [name]}``.
"""


def sdk_of(package: str) -> str:
    """The Python distribution that has a Pulumi package's SDK."""
    return f"pulumi_{package.replace('-', '_')}"


@cache
def sdk_version(package: str) -> str | None:
    """The version of the SDK of a Pulumi package; None where it is not installed."""
    try:
        return version(sdk_of(package))
    except PackageNotFoundError:
        return None
