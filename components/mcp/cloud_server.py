"""Checks that functions and managed containers share on every cloud."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import pulumi

from ..base.problems import Problem
from .log_retention import LOG_DAYS
from .otlp import TOKEN_VARIABLE
from .server_config import CloudServerConfig
from .server_names import CONFIG_VARIABLE
from .target import McpTarget

RESERVED_VARIABLES: Final = (CONFIG_VARIABLE, TOKEN_VARIABLE, "AZURE_CLIENT_ID")
"""Environment variables that the components set."""


@dataclass(frozen=True, kw_only=True)
class CloudServerArgs:
    """What every function and every managed container is given.

    Attributes:
        config: the server's configuration.
        log_retention_days: days that logs are kept.
        protect: refuse to delete what holds sessions.
    """

    config: CloudServerConfig
    log_retention_days: int = LOG_DAYS
    protect: bool = False

    def refusals(self) -> list[Problem]:
        """Everything that the cloud does not accept; each subclass adds its own checks."""
        return []


Args = TypeVar("Args", bound=CloudServerArgs)


class CloudServer(McpTarget[Args]):
    """A server in a cloud: deploys it and sets the target's outputs."""

    def build(self, args: Args) -> None:
        config = replace(args.config, name=self.name)
        base = self.deploy(replace(args, config=config))
        self.answers_at(base, issuer=config.auth.issuer, era=config.era)

    def deploy(self, args: Args) -> pulumi.Input[str]:
        """Creates the resources of the cloud; returns the URL that the paths are appended to."""
        raise NotImplementedError


def variables_problems(field: str, secrets: Iterable[str]) -> list[Problem]:
    """A problem for each secret whose environment variable the component sets itself.

    Args:
        field: that names the variables.
        secrets: the variables.
    """
    return [
        Problem(
            f"{field}.{variable}",
            "is a variable that the component sets itself",
            "the cloud refuses a duplicate variable, or uses either value",
            "use another name",
        )
        for variable in secrets
        if variable in RESERVED_VARIABLES
    ]


def drain_problems(config: CloudServerConfig, *, stops: str) -> list[Problem]:
    """A problem if a drain is set on a host that does not wait for it.

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
