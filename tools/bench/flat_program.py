"""Generates a program without components that registers the same resources as a recorded one.

`make bench` compares the components with it. It has one SDK call per resource, with literals only.
"""

from __future__ import annotations

import operator
import pprint
import re
from collections.abc import Iterator
from typing import Any

import pulumi_kubernetes
from pulumi._types import (  # pyright: ignore[reportPrivateUsage]
    input_type_py_to_pulumi_names,
)

from components.clouds import cloud_of
from graph.resource_graph import Resource, ResourceGraph
from graph.sdk_types import args_class, sdk_class, shapes_of

_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def flat_program(graph: ResourceGraph) -> str:
    """Python source with one SDK call for each resource of ``graph``.

    Providers and components are left out.
    """
    calls = list(_calls(graph.resources))
    modules = sorted({module for module, _ in calls})
    imports = [f"import {module}" for module in ("pulumi", *modules)]
    return "\n".join([*imports, "", "def program():", *(call for _, call in calls), ""])


def _calls(resources: tuple[Resource, ...]) -> Iterator[tuple[str, str]]:
    """The package that a call needs, and the call."""
    for resource in resources:
        if resource.is_kubernetes_object:
            inputs = {
                _SNAKE.sub("_", name).lower(): value
                for name, value in resource.inputs.items()
                if name not in ("apiVersion", "kind")
            }
            package, called = "pulumi_kubernetes", _class(resource.type)
            if called is None:
                called = "apiextensions.CustomResource"
                head = ("apiVersion", "kind")
                inputs |= {_SNAKE.sub("_", name).lower(): resource.inputs[name] for name in head}
        elif cloud_of(resource.type) and (found := sdk_class(resource.type)):
            module, name = found
            inputs = _as_the_sdk_spells_them(resource, module, name)
            package, called = module.partition(".")[0], f"{module.partition('.')[2]}.{name}"
        else:
            continue
        literal = pprint.pformat(inputs, width=160, sort_dicts=False)
        yield package, f"    {package}.{called}({resource.name!r}, **{literal})"


def _as_the_sdk_spells_them(resource: Resource, module: str, name: str) -> dict[str, Any]:
    """The inputs by the names of the class's parameters; inner names may stay as on the wire."""
    wire = {
        spelled: parameter
        for parameter, spelled in input_type_py_to_pulumi_names(args_class(module, name)).items()
    }
    properties = shapes_of([resource.type])[resource.type]["properties"]
    return {
        # The first parameter of every class is called resource_name; an input of that name is not.
        "resource_name_" if wire[key] == "resource_name" else wire[key]: _File(value["path"])
        if properties[key] == "file"
        else value
        for key, value in resource.inputs.items()
    }


class _File(str):
    """The path of an asset, as source that makes the asset."""

    def __repr__(self) -> str:
        return f"pulumi.FileAsset({str(self)!r})"


def _class(token: str) -> str | None:
    """The class of ``kubernetes:networking.k8s.io/v1:NetworkPolicy`` in the SDK; None: no class."""
    _, module, kind = token.split(":")
    group, version = module.split("/")
    called = f"{group.partition('.')[0]}.{version}.{kind}"
    try:
        operator.attrgetter(called)(pulumi_kubernetes)
    except AttributeError:
        return None
    return called
