"""The timeouts of the user's servers."""

from __future__ import annotations

from collections.abc import Iterable

from components.mcp.timeout_budget import TimeoutBudget

from .config.servers import Server
from .config.stack import StackConfig


def budget(config: StackConfig, server: Server) -> TimeoutBudget:
    """The timeouts of one server."""
    if server.longest_tool_seconds is None:
        return TimeoutBudget(
            longest_tool=config.protocol.longest_tool_seconds, drain=config.protocol.drain_seconds
        )
    return TimeoutBudget(longest_tool=server.longest_tool_seconds)


def longest_budget(config: StackConfig, names: Iterable[str]) -> TimeoutBudget:
    """The timeouts of the slowest of these servers; those of a tool if none is a server."""
    protocol = config.protocol
    usual = TimeoutBudget(longest_tool=protocol.longest_tool_seconds, drain=protocol.drain_seconds)
    servers = config.servers
    budgets = [budget(config, servers[name]) for name in names if name in servers] or [usual]
    return max(budgets, key=lambda each: (each.longest_tool, each.drain or 0))
