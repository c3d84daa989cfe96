"""Checks the properties of cloud resources against their SDKs: names, types, required ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from components.base.cloud_packages import install_command
from components.base.problems import nearest
from components.clouds import cloud_of
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph, step
from graph.sdk_versions import Shape, sdk_of

from ..finding import Severity
from ..rule import Hit, Rule, at, ignores_case
from ..type_names import type_name

_INDEX: Final = re.compile(r"\[\d+\]")
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

_REGISTRY: Final = "https://www.pulumi.com/registry/"

_TYPES: Final = Rule(
    id="any-sdk-001",
    severity=Severity.HIGH,
    reference=_REGISTRY,
    refuses="a type that its SDK does not have",
    fix="correct the type, or install the version of the SDK that has it",
)
_NAMES: Final = Rule(
    id="any-sdk-002",
    severity=Severity.HIGH,
    reference=_REGISTRY,
    refuses="a property that the type does not have",
    fix="write the name that the finding proposes",
)
_MISSING: Final = Rule(
    id="any-sdk-003",
    severity=Severity.HIGH,
    reference=_REGISTRY,
    refuses="a resource without a property that its type requires",
    fix="set the property",
)
_VALUES: Final = Rule(
    id="any-sdk-004",
    severity=Severity.HIGH,
    reference=_REGISTRY,
    refuses="a value of another type than the property's, or none of its enumeration",
    fix="write a value of the property's type",
)
_UNAVAILABLE: Final = Rule(
    id="any-sdk-005",
    severity=Severity.MEDIUM,
    reference=_REGISTRY,
    refuses="a resource of a cloud whose SDK is not installed: its properties are not checked",
    fix="install the cloud's extra",
    house=True,
)
SDK_RULES: Final = (_TYPES, _NAMES, _MISSING, _VALUES, _UNAVAILABLE)


def properties_match_the_sdk(graph: ResourceGraph) -> Iterator[Hit]:
    """Unknown, misspelt, missing and mistyped properties of each resource of a cloud."""
    clouds = [
        resource for resource in graph.resources if resource.custom and cloud_of(resource.type)
    ]
    shapes = _shapes(graph, clouds)
    for resource in clouds:
        if resource.type not in shapes:
            if graph.shapes is None:  # else the recording has a notice of it
                yield _without_sdk(resource)
        elif shape := shapes[resource.type]:
            yield from _faults(resource, resource.inputs, shape, "")
        else:
            known = "the type's spelling, or a newer SDK in requirements.in"
            what = "is not a type of its SDK"
            yield at(resource, "type", what, _REFUSED, f"check {known}", _TYPES.id)


def _shapes(graph: ResourceGraph, clouds: list[Resource]) -> Mapping[str, Shape]:
    """What the SDKs of the program's environment say, or those of this one."""
    if graph.shapes is not None:
        return {type_name(token): shape for token, shape in graph.shapes.items()}
    from graph.sdk_types import shapes_of  # not without Pulumi's SDK

    return shapes_of(resource.type for resource in clouds)


def _without_sdk(resource: Resource) -> Hit:
    package = resource.type.partition(":")[0]
    what = f"has no SDK installed: {sdk_of(package)} is missing"
    so = "its properties cannot be checked"
    return at(resource, "type", what, so, install_command(package), _UNAVAILABLE.id)


def _faults(resource: Resource, value: Any, shape: Shape, path: str) -> Iterator[Hit]:
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
            choices = _corrected(resource.type, path) or [
                str(one) for one in cast("list[Any]", allowed)
            ]
            if not _is_among(str(value), choices, resource.type):
                near = nearest(str(value), choices)
                fix = f"write {near}" if near else f"write one of: {', '.join(choices)}"
                what = f"is {value!r}, which is not one of its values"
                yield at(resource, path, what, _REFUSED, fix, _VALUES.id)
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


def _corrected(token: str, path: str) -> list[str]:
    """The values of a property whose enumeration is wrong in the SDK; empty: it is not."""
    cloud = cloud_of(token)
    known = cloud.facts.VALUES_UNLIKE_THE_SDK.get(token) if cloud else None
    return [*known.get(_INDEX.sub("[*]", path), ())] if known else []


def _object_faults(
    resource: Resource,
    given: Mapping[str, Any],
    properties: Mapping[str, Shape],
    required: list[str],
    path: str,
) -> Iterator[Hit]:
    for name, value in given.items():
        if name in properties:
            yield from _faults(resource, value, properties[name], step(path, name))
            continue
        near = nearest(name, properties)
        fix = f"write {near}" if near else f"one of: {', '.join(sorted(properties))}"
        what = "is not a property of this type"
        yield at(resource, step(path, name), what, _REFUSED, fix, _NAMES.id)
    for name in required:
        if name not in given:
            place = step(path, name)
            yield at(resource, place, "is missing", _REFUSED, f"set {name}", _MISSING.id)


def _mistyped(resource: Resource, path: str, value: Any, words: str) -> Hit:
    what = f"is {value!r}, and not {words}"
    return at(resource, path, what, _REFUSED, f"write {words}", _VALUES.id)


def _is_among(value: str, choices: list[str], token: str) -> bool:
    if ignores_case(token):
        return value.casefold() in {choice.casefold() for choice in choices}
    return value in choices
