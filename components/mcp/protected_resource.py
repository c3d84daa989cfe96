"""Addresses for which a server checks tokens on behalf of the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.arg_types import Domain, Path, ScopeName
from ..base.problems import Problem
from .target import MCP_PATH

AUTHORIZE_PATH = "/authorize"
"""Where the gateway asks whether a token is valid for a server."""
SERVERS_PATH = "/servers"
"""Below this path the gateway serves the servers of users."""


@dataclass(frozen=True, kw_only=True)
class ProtectedResource:
    """A server for which this one checks tokens: the gateway asks, and forwards the request.

    Attributes:
        path: of the server at the gateway's domain, such as ``/servers/<name>/mcp``.
        hostname: its own host name, where it is served at ``/mcp`` as well.
        scopes: that a token must have besides ``auth.required_scopes``.
    """

    path: Path
    hostname: Domain | None = None
    scopes: Sequence[ScopeName] = ()

    def table(self) -> dict[str, Any]:
        """The `[[protected_resources]]` table of server.toml."""
        given = {"hostname": self.hostname, "scopes": list(self.scopes)}
        return {"path": self.path, **{name: value for name, value in given.items() if value}}


def server_path(name: str, prefix: str | None = None) -> str:
    """Where the gateway serves the MCP endpoint of the server ``name``.

    Args:
        name: name of the server.
        prefix: path before ``/mcp``; None: ``/servers/<name>``.
    """
    return f"{prefix or f'{SERVERS_PATH}/{name}'}{MCP_PATH}"


def resource_problems(resources: Sequence[ProtectedResource]) -> Iterator[Problem]:
    """Resources with the same address."""
    seen: set[str] = set()
    for index, resource in enumerate(resources):
        for name in ("path", "hostname"):
            value: str | None = getattr(resource, name)
            if value in seen:
                yield Problem(
                    f"protected_resources[{index}].{name}",
                    f"{value} is listed already",
                    "tokens could be checked against the scopes of another server",
                    "list each address once",
                )
            if value:
                seen.add(value)
