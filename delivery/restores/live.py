"""The live database in a stack's graph, and the section with which a stack uses another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph

LONGEST_OF_A_CLOUD: Final = 63
"""Characters of an instance's name: RDS and Azure allow 63, Cloud SQL 98 with the project."""
SECRET: Final = "mcp-database"  # noqa: S105  (the name of a Secret)
"""Where passwords and CAs of managed databases are, unless the stack file says it."""


def live_one(graph: ResourceGraph, type: str) -> Resource:
    """The database of a type: the one that components name so, and no replica."""
    (found,) = [each for each in graph.all(type) if each.name.endswith("-database")]
    return found


def component_of(graph: ResourceGraph, resource: Resource) -> Resource:
    """The data tier that a resource belongs to."""
    return graph.by_urn(str(resource.parent))


def provider_of(graph: ResourceGraph, resource: Resource) -> Mapping[str, Any]:
    """The settings of a resource's provider."""
    return graph.by_urn(str(resource.provider)).inputs


def external_section(
    section: Mapping[str, Any], *, host: str, name: str, user: str, token: str | None
) -> dict[str, Any]:
    """The section ``data.external`` for the restored one.

    Args:
        section: of the live one's kind in the stack file.
        token: the service whose tokens log in; None: a password does.
    """
    if token is None:
        login: dict[str, Any] = {
            "password": section.get("password", {"secret": SECRET, "key": "password"})
        }
    else:
        login = {"token": token}
    return {
        "host": host,
        "name": name,
        "user": user,
        **login,
        "ca": section.get("ca", {"secret": SECRET, "key": "ca.crt"}),
        "networks": section.get("networks", []),
    }
