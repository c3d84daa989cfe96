"""Reads who has which role on Google Cloud: members, bindings, and policies as JSON text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from graph.resource_graph import Resource, step

from .embedded_documents import documents

PUBLIC: Final = frozenset({"allusers", "allauthenticatedusers"})
"""Members that are everyone (IAM, Principal identifiers)."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """One role for some members.

    Attributes:
        role: as it is written.
        role_path: where, below the resource.
        members: each with its path.
    """

    role: str
    role_path: str
    members: tuple[tuple[str, str], ...]

    @property
    def public(self) -> Iterator[tuple[str, str]]:
        """The members that are everyone, each with its path."""
        for path, member in self.members:
            if member.casefold() in PUBLIC:
                yield path, member


def bindings(resource: Resource) -> Iterator[Binding]:
    """Every binding in a resource's inputs."""
    inputs = resource.inputs
    if "role" in inputs and ("member" in inputs or "members" in inputs):
        yield _binding("", inputs)
    for path, document in documents(inputs, _is_policy, "bindings"):
        for number, each in enumerate(cast("list[Any]", document["bindings"])):
            if isinstance(each, Mapping):
                place = f"{path}.bindings[{number}]" if path else f"bindings[{number}]"
                yield _binding(place, cast("Mapping[str, Any]", each))


def _is_policy(tree: Mapping[str, Any]) -> bool:
    found = tree.get("bindings")
    return isinstance(found, list) and any(
        isinstance(each, Mapping) and "role" in each for each in cast("list[Any]", found)
    )


def _binding(path: str, body: Mapping[str, Any]) -> Binding:
    members: list[tuple[str, str]] = []
    if isinstance(body.get("member"), str):
        members.append((step(path, "member"), body["member"]))
    listed = body.get("members")
    if isinstance(listed, list):
        members += [
            (step(step(path, "members"), number), str(one))
            for number, one in enumerate(cast("list[Any]", listed))
        ]
    return Binding(role=str(body.get("role")), role_path=step(path, "role"), members=tuple(members))
