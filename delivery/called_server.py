"""Finds the MCP endpoint of a deployed stack to call: the platform's, or a server's by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.base.problems import Problem, ProblemReport, nearest

SEPARATOR = "/"
"""Between a server and its tool, as in ``weather/forecast``. Names of tools have no slash."""


@dataclass(frozen=True)
class CalledServer:
    """An MCP endpoint of a deployed stack.

    Attributes:
        name: of the server; None for the platform, whose list has the tools of all servers.
        mcp_url: its address, which is the audience of its tokens.
        prm_url: its protected-resource metadata (RFC 9728).
        era: modern, legacy or dual.
        scopes: those that a token needs for all tools.
        auth: who checks tokens: the gateway, or the server itself, which needs a token of its own
            issuer.
        targets: its outputs at each place in the clouds, by the place's name.
    """

    name: str | None
    mcp_url: str
    prm_url: str | None
    era: str
    scopes: tuple[str, ...] = ()
    auth: str = "gateway"
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def called_server(outputs: Mapping[str, Any], name: str | None) -> CalledServer:
    """The server of that name, or the platform.

    Args:
        outputs: of the stack, with real addresses.
        name: of a server in the section ``servers``; None for the platform.

    Raises:
        ProblemReport: there is no such server; the nearest name is suggested.
    """
    servers: Mapping[str, Mapping[str, Any]] = outputs.get("servers") or {}
    if name is None:
        own = outputs.get("scopes") or ()
        scopes = [*own, *(scope for one in servers.values() for scope in one.get("scopes") or ())]
        return _of(None, outputs, scopes)
    if name not in servers:
        close = nearest(name, list(servers))
        known = f"it has {', '.join(servers)}" if servers else "it has none of your own"
        raise ProblemReport(
            [
                Problem(
                    f"server {name}",
                    f"the stack has no such server; {known}",
                    "nothing was called",
                    f"did you mean {close}?" if close else "qudag-mcp outputs lists them",
                )
            ]
        )
    return _of(name, servers[name], servers[name].get("scopes") or ())


def all_servers(outputs: Mapping[str, Any]) -> list[CalledServer]:
    """Every server of the section ``servers``."""
    servers: Mapping[str, object] = outputs.get("servers") or {}
    return [called_server(outputs, name) for name in servers]


def refuse_a_server_with_its_own_issuer(called: CalledServer) -> None:
    """Refuse to create a token for a server that checks tokens itself."""
    if called.auth == "server":
        raise ProblemReport(
            [
                Problem(
                    f"server {called.name}",
                    "it checks tokens itself (auth: server)",
                    "it would refuse a token of the local issuer",
                    "get a token from the issuer that it trusts, and pass it with --token",
                )
            ]
        )


def server_and_tool(text: str) -> tuple[str | None, str]:
    """Split ``weather/forecast``; a tool without a server is one of the platform's list."""
    server, separator, tool = text.partition(SEPARATOR)
    return (server, tool) if separator else (None, text)


def _of(name: str | None, outputs: Mapping[str, Any], scopes: Any) -> CalledServer:
    return CalledServer(
        name=name,
        mcp_url=outputs["mcp_url"],
        prm_url=outputs.get("prm_url"),
        era=outputs["era"],
        scopes=tuple(dict.fromkeys(scopes)),
        auth=outputs.get("auth", "gateway"),
        targets=outputs.get("targets") or {},
    )
