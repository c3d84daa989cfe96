"""What functions and managed containers have in common on every cloud."""

from __future__ import annotations

from collections.abc import Iterable

from ..base.problems import Problem
from .server_config import CloudServerConfig
from .server_toml import CONFIG_VARIABLE

RESERVED_VARIABLES = (CONFIG_VARIABLE, "AZURE_CLIENT_ID")
"""Environment variables that the components set."""


def variables_problems(secrets: Iterable[str]) -> list[Problem]:
    """Secrets for environment variables that the component sets itself."""
    return [
        Problem(
            f"secrets.{variable}",
            "is a variable that the component sets itself",
            "the cloud refuses two values of one variable, or takes either",
            "use another name",
        )
        for variable in secrets
        if variable in RESERVED_VARIABLES
    ]


def drain_problems(config: CloudServerConfig, *, stops: str) -> list[Problem]:
    """A drain on a host that does not wait for one.

    Args:
        config: the server's.
        stops: how the cloud ends an instance, and its document that says so.
    """
    if config.budget.drain is None:
        return []
    return [
        Problem(
            "config.budget.drain",
            "is set",
            f"it would have no effect: {stops}",
            "leave it out, or run the server on Kubernetes",
        )
    ]
