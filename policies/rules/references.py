"""What a resource names exists: in the graph, and made before it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from components.base.problems import Problem
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ..rule import Companion, Reference, at, values

_ARN: Final = re.compile(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(?P<account>\d{12}):[\w/.:*+=,@${}-]+")


def references_exist(graph: ResourceGraph, rows: Iterable[Reference]) -> Iterator[Problem]:
    """Each referring property holds what a resource of the right type is called."""
    for row in rows:
        targets = graph.all(row.to)
        known = {said for each in targets if (said := _said(each, row.output))}
        for resource in graph.all(row.on):
            for path, value in values(resource.inputs, row.path):
                if value in (None, UNKNOWN) or value in known:
                    continue
                yield at(
                    resource,
                    path,
                    f"names {value!r}, and no {row.to} of this stack has that {row.output}",
                    "it would be somebody else's, or nobody's",
                    f"pass the {row.output} of the resource itself",
                )


def _said(resource: Resource, output: str) -> Any:
    return (
        resource.outputs.get("id") if output == "id" else dig(resource.outputs, *output.split("."))
    )


def arns_exist(graph: ResourceGraph, *, outside: Iterable[str]) -> Iterator[Problem]:
    """Each ARN of a policy is a resource of the graph, or one that lies ``outside`` by purpose.

    Args:
        outside: regular expressions of ARNs that the configuration names: secrets, certificates.
    """
    ours = {
        arn
        for each in graph.resources
        for key, said in each.outputs.items()
        if key not in each.inputs
        for arn in _arns(said)
    }
    beside = re.compile("|".join(outside))
    for resource in graph.resources:
        if resource.type not in _POLICIES:
            continue
        for arn in sorted(set(_arns(resource.inputs))):
            if not beside.fullmatch(arn) and not any(_covers(arn, own) for own in ours):
                yield at(
                    resource,
                    _POLICIES[resource.type],
                    f"names {arn}, and nothing of this stack is called that",
                    "the right would be for somebody else's resource, or for nothing",
                    "pass the arn of the resource itself",
                )


_POLICIES: Final = {
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/policy:Policy": "policy",
}


def _covers(arn: str, own: str) -> bool:
    """Whether a policy's ARN is ``own`` or something inside it: an index, a stream, a stage."""
    return arn == own or arn.startswith((f"{own}/", f"{own}:"))


def _arns(tree: Any) -> Iterator[str]:
    match tree:
        case str():
            yield from (found[0] for found in _ARN.finditer(tree))
        case dict():
            for inner in cast("dict[str, Any]", tree).values():
                yield from _arns(inner)
        case list():
            for inner in cast("list[Any]", tree):
                yield from _arns(inner)
        case _:
            pass


def companions_exist(graph: ResourceGraph, rows: Iterable[Companion]) -> Iterator[Problem]:
    """Each resource that needs another beside it has it."""
    for row in rows:
        named = {resource.inputs.get(row.by) for resource in graph.all(row.companion)}
        for resource in graph.all(row.on):
            names = {resource.outputs.get("id"), *_names(resource)}
            if not names & named:
                yield at(
                    resource,
                    row.by,
                    f"has no {row.companion} beside it",
                    row.consequence,
                    f"register a {row.companion} for it",
                )


def _names(resource: Resource) -> set[Any]:
    said = {resource.name, *(resource.inputs.get(key) for key in ("bucket", "name", "accountName"))}
    return said - {None}
