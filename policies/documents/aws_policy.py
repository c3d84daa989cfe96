"""Reads policy documents of AWS in all their forms (IAM User Guide, JSON policy elements)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, cast

from graph.resource_graph import Resource

from .embedded_documents import documents, key_of

_ACCOUNT: Final = re.compile(r":\d{12}:")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One test of a statement: all of its keys' tests must hold, and one value of each.

    Attributes:
        operator: in small letters, such as ``stringlike``; with its prefix ``foranyvalue:``.
        key: in small letters, such as ``aws:sourceip``.
        values: as text.
    """

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a document.

    Attributes:
        path: below the resource, such as ``policy.Statement[0]``.
        body: as it is written, for the spelling of its keys.
        allows: whether its effect is Allow.
        principals: kind (``AWS``, ``Service``, ``*``) and text of each.
        not_principals: of NotPrincipal.
        conditions: empty ones are left out.
    """

    path: str
    body: Mapping[str, Any]
    allows: bool
    principals: tuple[tuple[str, str], ...]
    not_principals: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def at(self, name: str) -> str:
        """The path of an element, in the document's spelling."""
        return f"{self.path}.{key_of(self.body, name.casefold())}"

    @property
    def names_principals(self) -> bool:
        """Whether it is a statement of a resource's policy, and not of an identity's."""
        return bool(self.principals or self.not_principals)

    def covers_action(self, action: str) -> bool:
        """Whether the statement applies to an action, such as ``iam:PassRole``."""
        asked = action.casefold()
        if self.not_actions:
            return not any(fnmatchcase(asked, each.casefold()) for each in self.not_actions)
        return any(fnmatchcase(asked, each.casefold()) for each in self.actions)

    def covers_every(self, *arns: str) -> bool:
        """Whether the statement applies to all of these ARNs, in whatever account they are."""
        if self.not_resources:
            return not any(fnmatchcase(arn, each) for arn in arns for each in self.not_resources)
        patterns = [_ACCOUNT.sub(":*:", each) for each in self.resources]
        return all(any(fnmatchcase(arn, each) for each in patterns) for arn in arns)


def statements(resource: Resource) -> Iterator[Statement]:
    """Every statement of every policy document in a resource's inputs."""
    for path, document in documents(resource.inputs, _is_policy, "tatement"):
        key = key_of(document, "statement")
        place = f"{path}.{key}" if path else key
        for number, body in enumerate(_listed(document[key])):
            if isinstance(body, Mapping):
                yield _statement(f"{place}[{number}]", cast("Mapping[str, Any]", body))


_ELEMENTS: Final = frozenset({"effect", "action", "actions", "notaction", "notactions"})


def _is_policy(tree: Mapping[str, Any]) -> bool:
    found = tree.get("Statement", tree.get("statement", tree.get("statements")))
    if found is None:
        return False
    bodies = _listed(found)
    return all(
        isinstance(body, Mapping)
        and {str(key).casefold() for key in cast("Mapping[str, Any]", body)} & _ELEMENTS
        for body in bodies
    )


def _statement(path: str, body: Mapping[str, Any]) -> Statement:
    said = {str(key).casefold().removesuffix("s"): value for key, value in body.items()}
    return Statement(
        path=path,
        body=body,
        allows=str(said.get("effect", "Allow")).casefold() == "allow",
        principals=tuple(_principals(said.get("principal"))),
        not_principals=tuple(_principals(said.get("notprincipal"))),
        actions=_texts(said.get("action")),
        not_actions=_texts(said.get("notaction")),
        resources=_texts(said.get("resource")),
        not_resources=_texts(said.get("notresource")),
        conditions=tuple(_conditions(said.get("condition"))),
    )


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            mapping = cast("Mapping[str, Any]", value)
            if {"type", "identifiers"} <= mapping.keys():
                kind = str(mapping["type"])
                yield from ((kind, one) for one in _texts(mapping["identifiers"]))
                return
            for kind, named in mapping.items():
                yield from ((str(kind), one) for one in _texts(named))
        case list():
            for each in cast("list[Any]", value):
                yield from _principals(each)
        case None:
            return
        case _:
            yield "*" if value == "*" else "AWS", str(value)


def _conditions(value: Any) -> Iterator[Condition]:
    if isinstance(value, Mapping):
        for operator, tests in cast("Mapping[str, Any]", value).items():
            if isinstance(tests, Mapping):
                for key, wanted in cast("Mapping[str, Any]", tests).items():
                    yield Condition(
                        operator=str(operator).casefold(),
                        key=str(key).casefold(),
                        values=_texts(wanted),
                    )
        return
    for each in _listed(value) if value is not None else ():
        if isinstance(each, Mapping):
            given = cast("Mapping[str, Any]", each)
            yield Condition(
                operator=str(given.get("test")).casefold(),
                key=str(given.get("variable")).casefold(),
                values=_texts(given.get("values")),
            )


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in _listed(value))
