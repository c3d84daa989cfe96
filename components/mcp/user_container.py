"""A user's image in a managed container, with the server as its reverse proxy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..base.arg_types import ContainerPort, EndpointPath, Image, OneLine, Path, VariableName
from ..base.credentials import looks_like_a_credential
from ..base.problems import Problem
from .era import Era, has_sessions
from .server_config import HTTP, HTTPS

FRONT_ROLE: Final = "front"
"""The role of a server with ``[upstream]``; runtime/server_config.py has the same."""
FRONT_MB: Final = 256
"""MiB that the reverse proxy needs besides the image."""


@dataclass(frozen=True, kw_only=True)
class UserContainer:
    """An image that speaks MCP over plain HTTP and has no authentication.

    It runs in the same task as the server, which checks tokens and forwards requests to it at
    127.0.0.1. Nothing else can connect to it.

    Attributes:
        image: the image, pinned by its digest.
        port: port that it listens on.
        path: path of its MCP endpoint.
        health: health check path, which answers 2xx or 3xx; None: it is healthy while it accepts
            connections.
        command: program and arguments in place of the image's own; empty: the image's own.
        env: environment variables. What looks like a credential is refused.
        writable: directories that it may write, besides /tmp; on AWS in memory, on Azure on a disk.
        user: user and group id of its processes, on AWS; None: 65534 there, elsewhere the image's.
        cpu: CPUs that it requests.
        memory_mb: most MiB that it may use, its writable directories included.
        forward_token: forward the checked token to it.
    """

    image: Image
    port: ContainerPort = 8000
    path: EndpointPath = "/mcp"
    health: EndpointPath | None = None
    command: Sequence[OneLine] = ()
    env: Mapping[VariableName, OneLine] = field(default_factory=dict[str, str])
    writable: Sequence[Path] = ()
    user: int | None = None
    cpu: float = 0.1
    memory_mb: int = 512
    forward_token: bool = False

    def refusals(self) -> list[Problem]:
        """Problems of the port, of the user, and of variables with credentials."""
        problems = [
            Problem(
                f"env.{name}",
                "looks like a credential; its value is not shown here",
                "everyone with the right to describe the task could read it",
                "store it in the cloud's secret store, name that in secrets, and rotate it",
            )
            for name, value in self.env.items()
            if looks_like_a_credential(name, value)
        ]
        if self.port in (HTTP, HTTPS):
            problems.append(
                Problem(
                    "port",
                    f"is {self.port}, where the server in front of it listens",
                    "one of the two could not start",
                    "let the image listen on another port, such as 8000",
                )
            )
        if self.user is not None and self.user < 1:
            problems.append(
                Problem(
                    "user",
                    f"is {self.user}",
                    "an attacker who takes over the program would be root in the task",
                    "write the id of another user, such as 65534",
                )
            )
        return problems

    def table(self) -> dict[str, Any]:
        """The ``[upstream]`` table of server.toml."""
        given = {"health": self.health, "forward_token": self.forward_token}
        return {
            "port": self.port,
            "path": self.path,
            **{name: value for name, value in given.items() if value},
        }


def user_container_problems(
    container: UserContainer | None,
    *,
    era: Era,
    secrets: Mapping[str, str],
    max_instances: int,
    memory_mb: int | None = None,
) -> list[Problem]:
    """What an image cannot have next to the settings of its task.

    Args:
        container: the image; None: the server has tools of its own.
        era: MCP revisions that it speaks.
        secrets: by environment variable of the image.
        max_instances: most tasks.
        memory_mb: MiB of a task; None: each container has its own.
    """
    if container is None:
        return []
    problems = [
        Problem(
            f"secrets.{name}",
            "is also in upstream.env",
            "the container would have the variable twice",
            "leave one of the two out",
        )
        for name in secrets
        if name in container.env
    ]
    if has_sessions(era) and max_instances > 1:
        problems.append(
            Problem(
                "max_instances",
                f"is {max_instances}, and the image speaks the era {era}: its sessions are in its "
                "memory",
                "a client whose next request reaches another instance would lose its session; "
                "affinity is by a cookie here, which many clients ignore",
                "set it to 1, or config.era to modern if the image speaks that",
            )
        )
    if memory_mb is not None and container.memory_mb + FRONT_MB > memory_mb:
        problems.append(
            Problem(
                "memory_mb",
                f"is {memory_mb} MiB, and the image may use {container.memory_mb} MiB, the server "
                f"in front of it {FRONT_MB} MiB",
                "the cloud refuses the task, or ends it when both are busy",
                f"set it to {container.memory_mb + FRONT_MB} or more",
            )
        )
    return problems
