"""Reads the configuration of a reverse proxy in a user's task, for the rules of each cloud."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from components.mcp.server_names import CONFIG_VARIABLE
from graph.resource_graph import UNKNOWN


def config_of(variables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The configuration of the server among a container's variables; empty if it has none.

    Args:
        variables: of the container, each with ``name`` and ``value``.
    """
    values = {each.get("name"): each.get("value") for each in variables}
    text = values.get(CONFIG_VARIABLE)
    return tomllib.loads(text) if isinstance(text, str) and text != UNKNOWN else {}
