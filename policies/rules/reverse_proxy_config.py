"""Reads the configuration of a reverse proxy in a user's task, for the rules of each cloud."""

from __future__ import annotations

import tomllib
from typing import Any

from components.mcp.server_names import CONFIG_VARIABLE
from graph.resource_graph import UNKNOWN
from graph.tree import branch, entries


def config_of(variables: Any) -> dict[str, Any]:
    """The configuration of the server among a container's variables; empty if it has none.

    Args:
        variables: of the container, each with ``name`` and ``value``; none where they are unknown.
    """
    named = [
        each for each in map(branch, entries(variables)) if each.get("name") == CONFIG_VARIABLE
    ]
    text = named[-1].get("value") if named else None
    return tomllib.loads(text) if isinstance(text, str) and text != UNKNOWN else {}
