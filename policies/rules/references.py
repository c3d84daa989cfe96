"""References between resources: the resource that a property names is in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ..property_paths import values
from ..rule import Companion, Hit, Reference, at


def references_exist(graph: ResourceGraph, rows: Iterable[Reference]) -> Iterator[Hit]:
    """Each referring property has the id or name of a resource of the right type."""
    for row in rows:
        referring = graph.all(row.on)
        if not referring:
            continue
        known = {str(output) for each in graph.all(row.to) if (output := _output(each, row.output))}
        for resource in referring:
            for path, value in values(resource.inputs, row.path):
                if value in (None, UNKNOWN) or str(value) in known:
                    continue
                yield at(
                    resource,
                    path,
                    f"names {value!r}, and no {row.to} of this stack has that {row.output}",
                    "it would refer to another owner's resource, or to none",
                    f"pass the {row.output} of the resource itself",
                    row.id,
                )


def _output(resource: Resource, output: str) -> Any:
    return (
        resource.outputs.get("id") if output == "id" else dig(resource.outputs, *output.split("."))
    )


def companions_exist(graph: ResourceGraph, rows: Iterable[Companion]) -> Iterator[Hit]:
    """Each resource that is safe only together with another one has it."""
    for row in rows:
        named = {str(resource.inputs.get(row.by)) for resource in graph.all(row.companion)}
        for resource in graph.all(row.on):
            if not _names(resource) & named:
                what = f"has no {row.companion}"
                yield at(resource, row.by, what, row.consequence, row.fix, row.id)


def _names(resource: Resource) -> set[str]:
    given = [resource.inputs.get(key) for key in ("bucket", "name", "accountName")]
    known = [resource.name, resource.outputs.get("id"), *given]
    return {str(each) for each in known if each is not None}
