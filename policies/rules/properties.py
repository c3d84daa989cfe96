"""Checks the properties of cloud resources against their SDKs: names, types, required ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from components.base.cloud_packages import install_command
from components.base.problems import Problem, nearest
from components.clouds import cloud_of
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph, step
from graph.sdk_types import Shape, sdk_of, shapes_of

from ..rule import at

_REFUSED: Final = "the provider would refuse it or ignore it"

_IS: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "str": ("text", lambda value: isinstance(value, str)),
    "int": ("a whole number", lambda value: isinstance(value, int) and value is not True),
    "float": ("a number", lambda value: isinstance(value, int | float)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "file": ("a file", lambda value: isinstance(value, dict)),
    "list": ("a list", lambda value: isinstance(value, list)),
    "map": ("a mapping", lambda value: isinstance(value, dict)),
}


def properties_match_the_sdk(graph: ResourceGraph) -> Iterator[Problem]:
    """Unknown, misspelt, missing and mistyped properties of each resource of a cloud."""
    clouds = [
        resource for resource in graph.resources if resource.custom and cloud_of(resource.type)
    ]
    shapes = shapes_of(resource.type for resource in clouds)
    for resource in clouds:
        if resource.type not in shapes:
            yield _without_sdk(resource)
        elif shape := shapes[resource.type]:
            yield from _faults(resource, resource.inputs, shape, "")
        else:
            known = "the type's spelling, or a newer SDK in requirements.in"
            yield at(resource, "type", "is not a type of its SDK", _REFUSED, f"check {known}")


def _without_sdk(resource: Resource) -> Problem:
    package = resource.type.partition(":")[0]
    what = f"has no SDK installed: {sdk_of(package)} is missing"
    return at(resource, "type", what, "its properties cannot be checked", install_command(package))


def _faults(resource: Resource, value: Any, shape: Shape, path: str) -> Iterator[Problem]:
    if value in (UNKNOWN, SECRET) or shape == "any":
        return
    match shape:
        case {"properties": properties, "required": required}:
            if not isinstance(value, dict):
                yield _mistyped(resource, path, value, "a mapping")
                return
            given = cast("dict[str, Any]", value)
            yield from _object_faults(resource, given, properties, required, path)
        case ["enum", allowed]:
            choices = [str(one) for one in cast("list[Any]", allowed)]
            if str(value) not in choices:
                near = nearest(str(value), choices)
                fix = f"write {near}" if near else f"write one of: {', '.join(choices)}"
                yield at(
                    resource, path, f"is {value!r}, which is not one of its values", _REFUSED, fix
                )
        case [str(kind), inner]:
            words, fits = _IS[kind]
            if not fits(value):
                yield _mistyped(resource, path, value, words)
                return
            pairs = value.items() if kind == "map" else enumerate(value)
            for key, item in pairs:
                yield from _faults(resource, item, inner, step(path, key))
        case _:
            words, fits = _IS[shape]
            if not fits(value):
                yield _mistyped(resource, path, value, words)


def _object_faults(
    resource: Resource,
    given: Mapping[str, Any],
    properties: Mapping[str, Shape],
    required: list[str],
    path: str,
) -> Iterator[Problem]:
    for name, value in given.items():
        if name in properties:
            yield from _faults(resource, value, properties[name], step(path, name))
            continue
        near = nearest(name, properties)
        fix = f"write {near}" if near else f"one of: {', '.join(sorted(properties))}"
        yield at(resource, step(path, name), "is not a property of this type", _REFUSED, fix)
    for name in required:
        if name not in given:
            yield at(resource, step(path, name), "is missing", _REFUSED, f"set {name}")


def _mistyped(resource: Resource, path: str, value: Any, words: str) -> Problem:
    return at(resource, path, f"is {value!r}, and not {words}", _REFUSED, f"write {words}")
