"""Writes the Pulumi schema of the components: `.venv/bin/python -m tools.component_schema`.

The schema is derived from the dataclasses that the components validate their arguments with, so a
program in another language has the same fields, defaults, choices and descriptions.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
import types
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, EnumType
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import pulumi

import components
from components.base.arguments import camel
from components.base.component import Component
from components.base.constraints import Form, Range
from components.base.hints import TAG, hints
from components.base.tokens import TYPE_TOKENS
from tools.docstrings import documented

ROOT: Final = Path(__file__).resolve().parents[1]
FILE: Final = ROOT / "components" / "package-schema.json"
PACKAGE: Final = "qudag-mcp"
NAMESPACE: Final = "qudag"
"""Part of the names of generated SDKs: `qudag_qudag_mcp` does not clash with the wheel's name."""
ANY: Final = "pulumi.json#/Any"
_SIMPLE: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
}

Spec = dict[str, Any]
"""A part of the schema, as JSON: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/."""


def schema() -> Spec:
    """The schema of all components of ``TYPE_TOKENS``."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = SchemaTypes()
    resources = {
        token: _resource(getattr(components, name), found) for name, token in TYPE_TOKENS.items()
    }
    return {
        "name": PACKAGE,
        "displayName": PACKAGE,
        "version": described["version"],
        "description": described["description"],
        "license": described["license"],
        "keywords": ["pulumi", "category/infrastructure", "kind/component", "mcp"],
        "namespace": NAMESPACE,
        "language": {
            "csharp": {"rootNamespace": "Qudag", "respectSchemaVersion": True},
            "go": {
                "importBasePath": f"example.com/{NAMESPACE}/{PACKAGE}/sdk/go/qudagmcp",
                "rootPackageName": "qudagmcp",
                "respectSchemaVersion": True,
                "generateResourceContainerTypes": True,
            },
            "java": {"respectSchemaVersion": True},
            "nodejs": {"respectSchemaVersion": True},
            "python": {"respectSchemaVersion": True, "pyproject": {"enabled": True}},
        },
        "types": dict(sorted(found.specs.items())),
        "resources": dict(sorted(resources.items())),
    }


def text() -> str:
    """The content of ``FILE``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _resource(component: type[Component[Any]], found: SchemaTypes) -> Spec:
    args = found.members(component.args_type)
    meanings = documented(component)
    stated: dict[str, Any] = {}
    bases: list[type[Any]] = [*reversed(component.__mro__)]
    for base in bases:
        if issubclass(base, Component):
            stated |= inspect.get_annotations(cast("Any", base), eval_str=True)
    outputs = {
        camel(name): {**_output(stated[name]), "description": meanings[name]}
        for name in component.outputs()
    }
    return {
        "isComponent": True,
        "description": described(component),
        "inputProperties": args["properties"],
        "requiredInputs": args["required"],
        "properties": outputs,
        "required": sorted(outputs),
    }


def _output(hint: Any) -> Spec:
    inner = _without_none(get_args(hint)[0])
    return {"type": _SIMPLE[inner]} if inner in _SIMPLE else {"$ref": ANY}


def described(cls: type[Any]) -> str:
    """The docstring of a class without its attributes."""
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "").partition("Attributes:")[0]
    return text.strip().replace("``", "`")


class SchemaTypes:
    """The types that properties refer to, each added where it is met first."""

    def __init__(self) -> None:
        self.specs: dict[str, Spec] = {}
        self.origins: dict[str, object] = {}

    def members(self, cls: type[Any]) -> Spec:
        """The fields of a dataclass as the properties of an object."""
        meanings = documented(cls)
        stated = hints(cls)
        properties: dict[str, Spec] = {}
        required: list[str] = []
        for each in fields(cls):
            if _is_resources(stated[each.name]):
                continue  # `dependsOn` says it in every language
            spec = self.of(stated[each.name], _label(cls, each.name))
            spec |= _default(each)
            spec["description"] = _description(meanings[each.name], each, stated[each.name])
            properties[camel(each.name)] = spec
            if _is_required(each) or "const" in spec:
                required.append(camel(each.name))
        return {
            "type": "object",
            "description": described(cls),
            "properties": properties,
            "required": sorted(required),
        }

    def of(self, hint: Any, label: str) -> Spec:
        """The type of a hint; ``label`` names the choices of a ``Literal``."""
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self.of(inner[0], label)
        if origin in (Union, types.UnionType):
            return self._union(hint, label)
        if origin is Literal:
            return self._choices(inner, label)
        if origin in (Sequence, list, tuple):
            return {"type": "array", "items": self.of(inner[0], label), "plain": True}
        if origin in (Mapping, dict):
            entries = self.of(inner[1], label)
            return {"type": "object", "additionalProperties": entries, "plain": True}
        return self._class(hint, label)

    def _class(self, hint: Any, label: str) -> Spec:
        if hint in _SIMPLE:
            return {"type": _SIMPLE[hint], "plain": True}
        if isinstance(hint, EnumType):
            members = cast("type[Enum]", hint)
            values = [{"name": member.name, "value": member.value} for member in members]
            spec = {"type": "string", "description": described(members), "enum": values}
            return self._named(members.__name__, members, lambda: spec)
        if is_dataclass(hint):
            cls = cast("type[Any]", hint)
            return self._named(_type_name(cls), cls, lambda: self.members(cls))
        raise TypeError(f"{label}: no type of a schema stands for {hint!r}")

    def _union(self, hint: Any, label: str) -> Spec:
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        if awaited := [arm for arm in arms if get_origin(arm) is Awaitable]:  # pulumi.Input[T]
            spec = self.of(get_args(awaited[0])[0], label)
            del spec["plain"]
            return spec
        if len(arms) == 1:
            return self.of(arms[0], label)
        specs = [self.of(arm, label) for arm in arms]
        tags = {
            get_args(hints(arm)[TAG])[0]: spec["$ref"]
            for arm, spec in zip(arms, specs, strict=True)
        }
        return {
            "oneOf": [{"$ref": spec["$ref"]} for spec in specs],
            "discriminator": {"propertyName": TAG, "mapping": tags},
            "plain": True,
        }

    def _choices(self, values: tuple[Any, ...], label: str) -> Spec:
        (kind,) = {_SIMPLE[type(value)] for value in values}
        if len(values) == 1:
            return {"type": kind, "const": values[0], "plain": True}
        choices = [{"name": _choice_name(value), "value": value} for value in values]
        return self._named(label, values, lambda: {"type": kind, "enum": choices})

    def _named(self, name: str, origin: object, made: Callable[[], Spec]) -> Spec:
        token = f"{PACKAGE}:index:{name}"
        if token not in self.specs:
            self.origins[token] = origin
            self.specs[token] = {}  # known before its fields are: one may be of this type
            self.specs[token] = made()
        elif self.origins[token] != origin:
            raise TypeError(f"{name} would be the name of two types")
        return {"$ref": f"#/types/{token}", "plain": True}


def _type_name(cls: type[Any]) -> str:
    """The name of an object type; SDKs append ``Args`` themselves."""
    name = cls.__name__
    return f"{name.removesuffix('Args')}Settings" if name.endswith("Args") else name


def _label(cls: type[Any], name: str) -> str:
    """A name for the choices of a field, after the class that states the field."""
    owner = next(base for base in cls.__mro__ if name in inspect.get_annotations(base))
    return owner.__name__.removesuffix("Args") + "".join(map(str.capitalize, name.split("_")))


def _choice_name(value: object) -> str:
    words = re.findall("[A-Za-z0-9]+", str(value))
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return f"V{'_'.join(words)}" if name[:1].isdigit() else name


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _default(field: Field[Any]) -> Spec:
    """The default where the schema can hold it: a text, a number, true or false."""
    value = field.default.value if isinstance(field.default, Enum) else field.default
    return {"default": value} if isinstance(value, str | int | float) else {}


def _description(meaning: str, field: Field[Any], hint: Any) -> str:
    parts = [meaning if meaning.endswith((".", ":")) else f"{meaning}."]
    parts += [f"Value: {wanted}." for wanted in _wanted(hint)]
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    if not isinstance(value, str | int | float | Enum) and value not in (MISSING, None):
        parts.append(f"Default: `{json.dumps(_written(value), ensure_ascii=False)}`.")
    return " ".join(parts)


def _wanted(hint: Any) -> list[str]:
    """What the constraint of a text or number asks for."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return [one.wanted for one in inner[1:] if isinstance(one, Form | Range)]
    if origin in (Union, types.UnionType):
        return [wanted for arm in inner for wanted in _wanted(arm)][:1]
    return []


def _written(value: Any) -> Any:
    """A default as JSON; of a dataclass the fields that differ from their own defaults."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {
            camel(each.name): _written(given)
            for each in fields(value)
            if (given := getattr(value, each.name)) != _own_default(each)
        }
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return {key: _written(item) for key, item in pairs}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_written(item) for item in cast("Sequence[Any]", value)]
    return value


def _own_default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(arm for arm in get_args(hint) if arm is not type(None))
    return hint


def _is_resources(hint: Any) -> bool:
    inner = [hint, *get_args(hint)]
    return any(isinstance(one, type) and issubclass(one, pulumi.Resource) for one in inner)


if __name__ == "__main__":
    FILE.write_text(text())
