"""Timeouts of clouds' servers against the server's own configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from components.mcp.server_names import CONFIG_VARIABLE
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ..rule import Hit, Host, at


def hosts_outlive_the_tool(graph: ResourceGraph, hosts: Iterable[Host]) -> Iterator[Hit]:
    """Each host waits longer than the longest tool, and gives a stopping server its drain."""
    for host in hosts:
        for resource in graph.all(host.on):
            longest, drain = tool_and_drain(_variable(_at(resource.inputs, host.variables)))
            if host.waits:
                yield from outlives(resource, host.waits, longest, host.id)
            if host.grace:
                yield from outlives(resource, host.grace, drain, host.id)
            if host.limit and longest >= host.limit.most:
                yield at(
                    resource,
                    host.variables,
                    f"configures a longest tool call of {longest} s",
                    f"{host.limit.of} ends after {host.limit.most} s ({host.limit.source})",
                    f"set the longest tool under {host.limit.most} s",
                    host.id,
                )


def tool_and_drain(config: Any) -> tuple[int, int]:
    """Seconds of the longest tool and of the drain in a server's configuration; 0: unknown."""
    if not isinstance(config, str) or config == UNKNOWN:
        return 0, 0
    protocol = tomllib.loads(config).get("protocol", {})
    return protocol.get("longest_tool_seconds", 0), protocol.get("drain_seconds", 0)


def outlives(resource: Resource, path: str, least: int, rule: str) -> Iterator[Hit]:
    """The number at ``path`` is more than ``least``; seconds may be text that ends in s."""
    value = _at(resource.inputs, path)
    number = str(value).removesuffix("s")
    if number.isdecimal() and int(number) <= least:
        what = f"is {value}, and the server may take {least}"
        so = "the connection would be closed before the tool has answered"
        yield at(resource, path, what, so, f"write more than {least}", rule)


def _at(tree: Any, path: str) -> Any:
    """The value at ``path``; a number leads to an item of a list."""
    for step in path.split("."):
        if isinstance(tree, list):
            items = cast("list[Any]", tree)
            tree = items[int(step)] if step.isdecimal() and len(items) > int(step) else None
        else:
            tree = dig(tree, step)
    return tree


def _variable(variables: Any) -> Any:
    if isinstance(variables, Mapping):
        return dig(variables, CONFIG_VARIABLE)
    given = map(branch, entries(variables))
    return next((one.get("value") for one in given if one.get("name") == CONFIG_VARIABLE), None)
