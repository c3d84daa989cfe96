"""The Pulumi packages that components of the clouds use; each is a plugin and a Python SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXTRAS: Final[Mapping[str, str]] = {
    "aws": "aws",
    "gcp": "gcp",
    "azure-native": "azure",
    "command": "azure",
}
"""By package, the extra of the wheel that installs its SDK."""


def extra_of(package: str) -> str:
    """The extra of the wheel that installs the SDK of a Pulumi package."""
    return EXTRAS.get(package, package)


def install_command(package: str) -> str:
    """How to install the SDK of a Pulumi package."""
    return f"pip install 'pulumi_qudag_mcp[{extra_of(package)}]'"
