"""Compares what a table says of a value with rendered stacks, settings, constants and files."""

from __future__ import annotations

import importlib
import json
import re
from functools import cache
from typing import Any, Final, cast

from components.base.quantities import quantity
from graph.resource_graph import ResourceGraph
from tests.harness.containers import ROOT
from tests.harness.graph_queries import STACKS
from tests.harness.stacks import stack
from tools.example_stacks import STACK_FILES, recorded
from tools.source_tables import Object, Row

from .flatten import flatten
from .languages import written

REQUIRED_SECRET: Final = "RequiredSecret"
"""In place of a kind: a Secret that a stack requires, as far as the program knows of it."""


def problem_of(of: Object, path: str, row: Row) -> str | None:
    """Why ``row`` is wrong about the value of ``of`` at ``path``; None: it is right."""
    value = of.values[path]
    match row.status:
        case "carried":
            return _not_there(value, path, row)
        case "deviates":
            return _not_instead(of, path, row)
        case _:
            return _built(of)


def _not_there(value: str, path: str, row: Row) -> str | None:
    text = str(row.place.get("has", "")).replace("{value}", value)
    match dict(row.place):
        case {"object": str(name), "path": str(_)}:
            found = rendered(name).get(row.path(path))
            return None if same(value, found) else f"{name} has {found!r} at {row.path(path)}"
        case {"object": str(name), "has": str(_)}:
            return None if text in as_text(name) else f"{name} does not contain {text!r}"
        case {"setting": str(setting), **rest}:
            return _no_setting(setting, value if "default" in rest else None)
        case {"code": str(constant)}:
            found = _constant(constant)
            return None if same(value, found) else f"{constant} is {found!r}"
        case {"file": str(file), "has": str(_)}:
            there = (ROOT / file).is_file() and text in (ROOT / file).read_text()
            return None if there else f"{file} does not contain {text!r}"
        case {"stated": str(said)} if len(said.split()) > 3:
            return None
        case unknown:
            return f"{unknown} is no place"


def _constant(name: str) -> Any:
    """What ``module:NAME.attribute[0][key]`` stands for."""
    module, _, steps = name.partition(":")
    found: Any = importlib.import_module(module)
    for item, attribute in re.findall(r"\[(\w+)\]|(\w+)", steps):
        key = int(item) if item.isdigit() else item
        found = found[key] if item else getattr(found, attribute)
    return found


def _not_instead(of: Object, path: str, row: Row) -> str | None:
    if len(row.why.split()) <= 3:
        return "has no reason"
    if of.rendered and same(of.values[path], rendered(of.rendered).get(path)):
        return f"{of.rendered} carries it after all"
    text = _whole_text((of.rendered or of.stack).partition(": ")[0])
    absent = [said for said in row.instead if said not in text]
    return f"not rendered: {absent}" if absent else None


def _built(of: Object) -> str | None:
    """A stack that has an object of this kind and name."""
    made = [name for name in (*STACKS, *STACK_FILES) if of.name in _objects(name)]
    return f"{of.name} is in {made}" if made and not of.rendered else None


def same(stated: str, found: Any) -> bool:
    """Equal as written, or the same quantity: ``1000m`` is ``1``."""
    if found is None or isinstance(found, dict | list):
        return stated == written(found)
    if stated == written(found):
        return True
    try:
        return quantity(stated) == quantity(written(found))
    except ValueError:
        return False


def graph(name: str) -> ResourceGraph:
    """The graph of a stack of this repository or of an example of a topology."""
    return stack(name) if name in STACKS else recorded(name)


@cache
def _objects(name: str) -> dict[str, Any]:
    """The objects of a stack by kind and name; those of clouds by type and logical name."""
    found: dict[str, Any] = {}
    own = graph(name).outputs.get("namespace")
    for one in graph(name).resources:
        if "kind" in one.inputs and "metadata" in one.inputs:
            metadata = one.inputs["metadata"]
            called = f"{one.inputs['kind']} {metadata['name']}"
            # Of several with this name, that of the platform's own namespace.
            if called not in found or metadata.get("namespace") == own:
                found[called] = one.inputs
        elif one.custom:
            found[f"{one.type.rpartition(':')[2]} {one.name}"] = one.inputs
    for secret in graph(name).outputs.get("required_secrets", []):
        stated = {"metadata": {"name": secret["name"], "namespace": secret["namespace"]}}
        keys = dict.fromkeys(secret["keys"], secret["kind"])
        found[f"{REQUIRED_SECRET} {secret['name']}"] = stated | {"stringData": keys}
    return found


def _object(name: str) -> Any:
    made, _, plain = name.partition(": ")
    found = _objects(made)
    if plain.endswith("*"):
        return next(one for each, one in found.items() if each.startswith(plain[:-1]))
    return found[plain]


@cache
def rendered(name: str) -> dict[str, Any]:
    """The values of ``<stack>: <kind> <name>`` by path."""
    return flatten(_object(name))


@cache
def as_text(name: str) -> str:
    """A rendered object as text: that of its files, and its JSON."""
    found = _object(name)
    stated: object = found.get("data")
    files = [*cast("dict[str, str]", stated).values()] if isinstance(stated, dict) else []
    return "\n".join([*files, json.dumps(found)])


@cache
def _whole_text(made: str) -> str:
    """All objects of a stack as text."""
    return "\n".join(as_text(f"{made}: {name}") for name in _objects(made))


def _no_setting(setting: str, default: str | None) -> str | None:
    found = settings().get(setting)
    if found is None:
        return f"the stack file has no {setting}"
    if default is not None and not same(default, found.get("default")):
        return f"{setting} is {found.get('default')!r} by default"
    return None


@cache
def settings() -> dict[str, Any]:
    """The fields of the stack file with their schema; ``servers.*.image`` for each server."""
    schema = json.loads((ROOT / "schema/stack.json").read_text())
    definitions = schema["$defs"]
    found: dict[str, Any] = {}

    def walk(node: dict[str, Any], path: str, inside: tuple[str, ...]) -> None:
        for variant in [node, *node.get("anyOf", []), *node.get("allOf", [])]:
            name = variant.get("$ref", "").rpartition("/")[2]
            if name and name in inside:
                continue
            plain = definitions[name] if name else variant
            for key, child in plain.get("properties", {}).items():
                step = key.removeprefix("qudag-mcp:")
                found.setdefault(f"{path}.{step}".lstrip("."), child)
                walk(child, f"{path}.{step}", (*inside, name))
            for each in (
                plain.get("additionalProperties"),
                *plain.get("patternProperties", {}).values(),
            ):
                if isinstance(each, dict):
                    walk(cast("dict[str, Any]", each), f"{path}.*", (*inside, name))

    walk(schema["properties"]["config"], "", ())
    return found
