"""Walks all properties of a resource, also those in texts of JSON and CloudFormation's YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from graph.resource_graph import SECRET, UNKNOWN, Resource, step

from ...documents.embedded_documents import LONGEST, document_in, is_unread

__all__ = ["LONGEST", "PropertyValue", "is_unread", "property_values"]


@dataclass(slots=True)
class PropertyValue:
    """One value of a resource's inputs.

    Attributes:
        path: below the resource.
        name: of the property; of an item of a list the list's.
        value: a text, a number or a truth value.
        holder: the mapping that has the property.
        outer: the name of the property that holds that mapping.
        statement: whether it is part of a statement of a policy document.
        in_text: whether the property is in a document in a text, whose names no SDK knows.
    """

    resource: Resource
    path: str
    name: str
    value: Any
    holder: Mapping[str, Any]
    outer: str
    statement: bool
    in_text: bool


def property_values(resource: Resource) -> list[PropertyValue]:
    """Every value of the inputs that is known."""
    found: list[PropertyValue] = []
    _collect(found, resource, "", "", resource.inputs, resource.inputs, "", False, False)
    return found


def _collect(  # noqa: PLR0917  (called for each value of each resource)
    found: list[PropertyValue],
    resource: Resource,
    path: str,
    name: str,
    value: Any,
    holder: Mapping[str, Any],
    outer: str,
    statement: bool,
    in_text: bool,
) -> None:
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        inside = statement or "Effect" in mapping or "effect" in mapping
        for key, one in mapping.items():
            _collect(found, resource, step(path, key), key, one, mapping, name, inside, in_text)
    elif isinstance(value, list):
        for index, one in enumerate(cast("list[Any]", value)):
            at = f"{path}[{index}]"
            _collect(found, resource, at, name, one, holder, outer, statement, in_text)
    elif isinstance(value, str) and (read := _document(value)) is not None:
        _collect(found, resource, path, name, read, holder, outer, statement, True)
    elif value not in (None, SECRET, UNKNOWN):
        found.append(PropertyValue(resource, path, name, value, holder, outer, statement, in_text))


def _document(text: str) -> Any:
    """The document in a text; None where it has none, and for a single value."""
    if text in (SECRET, UNKNOWN) or (text[:1] not in "{[" and "\n" not in text):
        return None
    return document_in(text)
