"""Nobody between a client and a tool hangs up first: what a server is told, against its doors."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from components.azure.facts import AZURE_CONTAINER_APP_REQUEST, AZURE_FUNCTION_RESPONSE
from components.base.limits import Limit
from components.base.problems import Problem
from components.mcp.server_toml import CONFIG_VARIABLE
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ..rule import at


@dataclass(frozen=True, kw_only=True)
class Door:
    """A resource that runs a server and waits for it.

    Attributes:
        on: its type.
        variables: where the server's environment is, as a mapping or as a list of names and
            values.
        waits: property with the seconds that it waits for an answer.
        grace: property with the seconds that a stopping server has.
        limit: what it waits where it cannot be told.
    """

    on: str
    variables: str
    waits: str | None = None
    grace: str | None = None
    limit: Limit | None = None


DOORS: Final = (
    Door(
        on="gcp:cloudfunctionsv2/function:Function",
        variables="serviceConfig.environmentVariables",
        waits="serviceConfig.timeoutSeconds",
    ),
    Door(
        on="gcp:cloudrunv2/service:Service",
        variables="template.containers.0.envs",
        waits="template.timeout",
    ),
    Door(
        on="azure-native:web:WebApp",
        variables="siteConfig.appSettings",
        limit=AZURE_FUNCTION_RESPONSE,
    ),
    Door(
        on="azure-native:app:ContainerApp",
        variables="template.containers.0.env",
        grace="template.terminationGracePeriodSeconds",
        limit=AZURE_CONTAINER_APP_REQUEST,
    ),
)


def doors_wait(graph: ResourceGraph, doors: Iterable[Door] = DOORS) -> Iterator[Problem]:
    """Each door waits longer than the longest tool, and a stopping server ends its calls."""
    for door in doors:
        for resource in graph.all(door.on):
            longest, drain = told(_variable(_at(resource.inputs, door.variables)))
            if door.waits:
                yield from outlives(resource, door.waits, longest)
            if door.grace:
                yield from outlives(resource, door.grace, drain)
            if door.limit and longest >= door.limit.most:
                yield at(
                    resource,
                    door.variables,
                    f"tells the server that a tool may take {longest} s",
                    f"{door.limit.of} ends after {door.limit.most} s ({door.limit.source})",
                    f"set the longest tool under {door.limit.most} s",
                )


def told(config: Any) -> tuple[int, int]:
    """The longest tool and the drain of a server's configuration; 0 where it is not known."""
    if not isinstance(config, str) or config == UNKNOWN:
        return 0, 0
    protocol = tomllib.loads(config).get("protocol", {})
    return protocol.get("longest_tool_seconds", 0), protocol.get("drain_seconds", 0)


def outlives(hop: Resource, path: str, least: int) -> Iterator[Problem]:
    """That the number at ``path`` is more than ``least``; seconds may be text that ends in s."""
    value = _at(hop.inputs, path)
    number = str(value).removesuffix("s")
    if number.isdecimal() and int(number) <= least:
        what = f"is {value}, and the server behind it may take {least}"
        so = "the client is hung up on before the tool has answered"
        yield at(hop, path, what, so, f"write more than {least}")


def _at(tree: Any, path: str) -> Any:
    """What stands at ``path``; a number leads to an item of a list."""
    for step in path.split("."):
        if isinstance(tree, list):
            items = cast("list[Any]", tree)
            tree = items[int(step)] if len(items) > int(step) else None
        else:
            tree = dig(tree, step)
    return tree


def _variable(variables: Any) -> Any:
    if isinstance(variables, Mapping):
        return dig(variables, CONFIG_VARIABLE)
    given = cast("list[Any]", variables) if isinstance(variables, list) else []
    return next((one.get("value") for one in given if one.get("name") == CONFIG_VARIABLE), None)
