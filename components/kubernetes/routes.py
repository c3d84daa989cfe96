"""The addresses at which a gateway serves the servers of users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..base.arg_types import DnsLabel, Domain, EndpointPath, Path, UrlPath
from ..base.problems import Problem
from ..mcp.era import Era
from ..mcp.protected_resource import server_path
from ..mcp.timeout_budget import TimeoutBudget
from .rate_limits import RateLimit
from .upstream import Upstream


@dataclass(frozen=True, kw_only=True)
class Route:
    """One server of a user: where the gateway serves it, and where it is.

    Attributes:
        name: the server is served at ``/servers/<name>/mcp``, unless it has a prefix.
        upstream: the server; its certificate is verified.
        path: where the server itself speaks MCP.
        prefix: the server is served at ``<prefix>/mcp`` in place of ``/servers/<name>/mcp``.
        health: path of the server that clients reach at ``<prefix>/health``; None: none.
        era: MCP revisions that it speaks; its clients stay at one gateway pod if it has sessions.
        budget: its longest tool call; the timeouts of the route follow from it.
        hostname: a host name of its own, where it is served at ``/mcp`` as well. The gateway's
            certificate must name it.
        auth: ``gateway``: the gateway asks the authorizer before each request. ``server``: the
            server checks tokens itself.
        forward_token: whether the server gets the client's token although the gateway checked it.
        rate_limit: limits for one client address at this server; None: those of the gateway's zone
            ``api``. Each route counts on its own.
    """

    name: DnsLabel
    upstream: Upstream
    path: EndpointPath = "/mcp"
    prefix: Path | None = None
    health: UrlPath | None = None
    era: Era = "dual"
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    hostname: Domain | None = None
    auth: Literal["gateway", "server"] = "gateway"
    forward_token: bool = False
    rate_limit: RateLimit | None = None

    def refusals(self) -> list[Problem]:
        """``forward_token`` without checks at the gateway; a health path without prefix."""
        problems: list[Problem] = []
        if self.auth != "gateway" and self.forward_token:
            problems.append(
                Problem(
                    "forward_token",
                    "is True, and auth is server",
                    "it would have no effect: the server gets every token, to check it",
                    "leave it out, or set auth to gateway",
                )
            )
        if self.health and not self.prefix:
            problems.append(
                Problem(
                    "health",
                    "is set, and prefix is not",
                    "it would have no effect: the gateway has no path for it",
                    "leave it out, or set prefix",
                )
            )
        return problems

    @property
    def served_at(self) -> str:
        """Its path at the gateway's domain."""
        return server_path(self.name, self.prefix)


def route_problems(routes: Sequence[Route], *, domains: Sequence[str]) -> Iterator[Problem]:
    """Two routes with one address."""
    names: set[str] = set()
    paths: set[str] = set()
    hosts = {*domains}
    for index, route in enumerate(routes):
        at = f"routes[{index}]"
        if route.name in names:
            yield Problem(
                f"{at}.name",
                f"{route.name} is the name of another route",
                "the gateway would not start: two servers would have one address",
                "give each route a name of its own",
            )
        elif route.served_at in paths:
            yield Problem(
                f"{at}.prefix",
                f"gives the path {route.served_at}, which another route or the gateway has",
                "the gateway would not start: two servers would have one address",
                "give each route a prefix of its own, or leave it out",
            )
        paths.add(route.served_at)
        if route.hostname in hosts:
            yield Problem(
                f"{at}.hostname",
                f"{route.hostname} is a domain of the gateway, or that of another route",
                "one of the two servers would get no request",
                "use a host name of its own",
            )
        names.add(route.name)
        if route.hostname:
            hosts.add(route.hostname)


def authorizer_problems(routes: Sequence[Route], authorizer: Upstream | None) -> Iterator[Problem]:
    """Routes whose tokens nobody would check."""
    for index, route in enumerate(routes):
        if route.auth == "gateway" and authorizer is None:
            yield Problem(
                "authorizer",
                f"is missing, and routes[{index}].auth is gateway",
                "nobody could check the tokens for this server",
                "set authorizer to the server that has protected_resources",
            )
