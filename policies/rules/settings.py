"""What a cloud resource must be set to: required values, names inside limits, exact rights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from components.base.problems import Problem
from components.clouds import name_rule
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph

from ..rule import Required, at, values

_ALL_OF_A_KIND: Final = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*")
"""An ARN that begins to be vague before it names anything."""


def settings_hold(graph: ResourceGraph, rows: Iterable[Required]) -> Iterator[Problem]:
    """Each property that is required to be something is."""
    for row in rows:
        for resource in graph.all(row.on):
            for path, value in values(resource.inputs, row.path):
                if not row.accepts(value):
                    what = "is missing" if value is None else f"is {value!r}"
                    yield at(resource, path, what, row.consequence, row.fix)


def names_fit(graph: ResourceGraph) -> Iterator[Problem]:
    """Each physical name is one that its cloud allows."""
    for resource in graph.resources:
        rule = name_rule(resource.type)
        name = resource.inputs.get(rule.key) if rule else None
        if rule and isinstance(name, str) and name != UNKNOWN:
            problem = rule.problem(f"{resource.name}.{rule.key}", name)
            yield from [problem] if problem else []


def rights_are_exact(
    graph: ResourceGraph, documents: Iterable[tuple[str, str]], unbounded: Mapping[str, str]
) -> Iterator[Problem]:
    """No AWS policy allows every action or every resource, but where the service has no finer one.

    Args:
        documents: type tokens, each with the path of a policy document.
        unbounded: actions for which AWS knows no resource, each with its reason.
    """
    for token, key in documents:
        for resource in graph.all(token):
            for path, document in values(resource.inputs, key):
                for number, statement in enumerate(_statements(document)):
                    at_statement = f"{path}.Statement[{number}]"
                    yield from _inexact(resource, at_statement, statement, unbounded)


def _inexact(
    resource: Resource, path: str, statement: Mapping[str, Any], unbounded: Mapping[str, str]
) -> Iterator[Problem]:
    if statement.get("Effect") != "Allow":
        return
    actions, targets = _many(statement.get("Action")), _many(statement.get("Resource"))
    for action in actions:
        if "*" in action:
            yield at(
                resource,
                f"{path}.Action",
                f"allows {action}",
                "whoever takes over the function may do all of that",
                "list the actions that are called",
            )
    for turned in ("NotAction", "NotResource"):
        if turned in statement:
            yield at(
                resource,
                f"{path}.{turned}",
                "allows all but what it names",
                "what AWS adds tomorrow is allowed as well",
                f"write {turned.removeprefix('Not')}, with what is meant",
            )
    for target in targets:
        if _ALL_OF_A_KIND.match(target):
            yield at(
                resource,
                f"{path}.Resource",
                f"allows {target}",
                "it reaches what other stacks in the account own",
                "name the ARN",
            )
    if "*" in targets and not set(actions) <= unbounded.keys():
        rest = ", ".join(sorted(set(actions) - unbounded.keys()))
        yield at(
            resource,
            f"{path}.Resource",
            f"allows {rest} on every resource",
            "it reaches what other stacks in the account own",
            "name the ARNs",
        )
    if _many(statement.get("Principal")) == ["*"] and not statement.get("Condition"):
        yield at(
            resource,
            f"{path}.Principal",
            "allows everybody",
            "the whole internet may use it",
            "name the principals",
        )


def _statements(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, str) or document == UNKNOWN:
        return []
    statements: Any = json.loads(document).get("Statement", [])
    single = isinstance(statements, dict)
    return [cast("dict[str, Any]", statements)] if single else cast("list[Any]", statements)


def _many(value: Any) -> list[str]:
    """One or several, as policy documents may say either; a principal by its kind likewise."""
    match value:
        case None:
            return []
        case dict():
            return [one for each in cast("dict[str, Any]", value).values() for one in _many(each)]
        case list():
            return [str(each) for each in cast("list[Any]", value)]
        case _:
            return [str(value)]
