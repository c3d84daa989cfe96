"""The committed schema describes every component as its dataclass does."""

from __future__ import annotations

import ast
import inspect
import json
import re
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

import pytest
import yaml

import components
from components.base.arguments import camel
from components.base.component import Component
from components.base.tokens import TYPE_TOKENS
from tools.component_schema import FILE, NAMESPACE, ROOT, SchemaTypes, text

SCHEMA: Final[dict[str, Any]] = json.loads(FILE.read_text())
RESOURCES: Final[dict[str, Any]] = SCHEMA["resources"]
TYPES: Final[dict[str, Any]] = SCHEMA["types"]
OBJECTS: Final = {name: spec for name, spec in TYPES.items() if "properties" in spec}
PLACES: Final = [*((name, spec["inputProperties"]) for name, spec in RESOURCES.items())] + [
    (name, spec["properties"]) for name, spec in OBJECTS.items()
]
"""Each list of fields with the token that it belongs to."""


def component(name: str) -> type[Component[Any]]:
    return getattr(components, name)


@cache
def stated(cls: type[Any]) -> dict[str, ast.AnnAssign]:
    """The fields of a dataclass as its source states them, those of its bases too."""
    found: dict[str, ast.AnnAssign] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("components."):
            (body,) = ast.parse(inspect.cleandoc(inspect.getsource(base))).body
            assert isinstance(body, ast.ClassDef)
            found |= {
                each.target.id: each
                for each in body.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            }
    return found


def docstrings(cls: type[Any]) -> str:
    """All words of a class's docstring and of those of its bases."""
    said = " ".join(base.__doc__ or "" for base in cls.__mro__)
    return " ".join(said.split()).replace("``", "`")


def test_the_schema_is_that_of_the_dataclasses():
    """Refreshed by `.venv/bin/python -m tools.component_schema`."""
    assert FILE.read_text() == text()


def test_every_component_has_its_type_token():
    assert set(RESOURCES) == set(TYPE_TOKENS.values())
    assert all(spec["isComponent"] for spec in RESOURCES.values())


@pytest.mark.parametrize("name", TYPE_TOKENS)
def test_inputs_are_the_fields_and_those_without_default_are_required(name: str):
    args, spec = component(name).args_type, RESOURCES[TYPE_TOKENS[name]]
    parameters = inspect.signature(args).parameters
    waits = {each for each, made in stated(args).items() if "pulumi.Resource]" in ast.unparse(made)}
    assert set(spec["inputProperties"]) == {camel(each) for each in parameters.keys() - waits}
    required = {camel(each) for each, made in stated(args).items() if made.value is None}
    assert set(spec["requiredInputs"]) == required


@pytest.mark.parametrize("name", TYPE_TOKENS)
def test_descriptions_are_the_words_of_the_docstrings(name: str):
    cls, spec = component(name), RESOURCES[TYPE_TOKENS[name]]
    words = docstrings(cls.args_type)
    for key, each in spec["inputProperties"].items():
        meaning = re.split(r" (?:Value|Default): ", each["description"])[0].removesuffix(".")
        assert meaning in words, key
    assert " ".join(spec["description"].split()) in docstrings(cls)
    for key, each in spec["properties"].items():
        assert each["description"] in docstrings(cls), key


@pytest.mark.parametrize("name", TYPE_TOKENS)
def test_defaults_are_those_of_the_source(name: str):
    args, inputs = component(name).args_type, RESOURCES[TYPE_TOKENS[name]]["inputProperties"]
    for key, made in stated(args).items():
        match made.value:
            case ast.Constant(value=str() | int() | float() as value):
                assert inputs[camel(key)]["default"] == value
            case ast.Attribute(value=ast.Name(id=owner), attr=member):
                spec = TYPES[inputs[camel(key)]["$ref"].removeprefix("#/types/")]
                (choice,) = (each for each in spec["enum"] if each["name"] == member)
                assert owner in inputs[camel(key)]["$ref"]
                assert inputs[camel(key)]["default"] == choice["value"]
            case None | ast.Constant(value=None):
                assert "default" not in inputs.get(camel(key), {})
            case _:
                pass  # a constant of the module, or an object


def test_every_default_is_among_the_choices():
    for place, each in PLACES:
        for key, spec in each.items():
            chosen = TYPES.get(spec.get("$ref", "").removeprefix("#/types/"), {})
            if "default" in spec and "enum" in chosen:
                values = [choice["value"] for choice in chosen["enum"]]
                assert spec["default"] in values, f"{place}.{key}"


def test_everything_has_a_description():
    for place, each in [*PLACES, *((n, spec["properties"]) for n, spec in RESOURCES.items())]:
        for key, spec in each.items():
            assert spec["description"].strip(), f"{place}.{key}"
    for name, spec in {**RESOURCES, **OBJECTS}.items():
        assert spec["description"].strip(), name


def references(tree: Any) -> set[str]:
    """Every type that a part of the schema refers to."""
    if isinstance(tree, list):
        return {found for item in cast("list[Any]", tree) for found in references(item)}
    if not isinstance(tree, dict):
        return set()
    found: set[str] = set()
    for key, value in cast("dict[str, Any]", tree).items():
        found |= {value} if key == "$ref" else references(value)
    return found


def test_every_reference_leads_to_a_type_and_every_type_is_referred_to():
    named = {f"#/types/{name}" for name in TYPES}
    assert references(SCHEMA) - {"pulumi.json#/Any"} == named


def test_no_type_has_the_name_of_a_component_or_of_its_arguments():
    """In Go, both are in one package."""
    names = {token.rpartition(":")[2] for token in RESOURCES}
    taken = {name + suffix for name in names for suffix in ("", "Args", "Array", "Map", "State")}
    assert not taken & {token.rpartition(":")[2] for token in TYPES}


def test_choices_have_names_that_every_language_takes():
    for name, spec in TYPES.items():
        choices = [choice["name"] for choice in spec.get("enum", [])]
        assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]*", choice) for choice in choices), name
        assert len({choice.lower() for choice in choices}) == len(choices), name


def test_a_field_that_takes_an_output_is_not_plain_and_others_are():
    gateway = RESOURCES["qudag-mcp:index:Gateway"]["inputProperties"]
    assert "plain" not in gateway["namespace"]  # pulumi.Input[DnsLabel]
    assert gateway["tlsSecret"]["plain"]  # SecretName
    assert "plain" not in TYPES["qudag-mcp:index:Upstream"]["properties"]["host"]


@dataclass(frozen=True, kw_only=True)
class Tape:
    """A backup on tape.

    Attributes:
        type: says that it is one.
        number: of the tape.
    """

    number: int
    type: Literal["tape"] = "tape"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A backup on a disk.

    Attributes:
        type: says that it is one.
    """

    type: Literal["disk"] = "disk"


def test_one_of_several_dataclasses_is_a_union_that_its_tag_selects_from():
    """As `hints.py` reads it; no component has such a field today."""
    found = SchemaTypes()
    tape, disk = "#/types/qudag-mcp:index:Tape", "#/types/qudag-mcp:index:Disk"
    assert found.of(Tape | Disk | None, "Backup") == {
        "oneOf": [{"$ref": tape}, {"$ref": disk}],
        "discriminator": {"propertyName": "type", "mapping": {"tape": tape, "disk": disk}},
        "plain": True,
    }
    described = found.specs["qudag-mcp:index:Tape"]
    assert described["properties"]["type"]["const"] == "tape"
    assert described["required"] == ["number", "type"]


def test_two_types_of_one_name_are_a_mistake():
    found = SchemaTypes()
    found.of(Tape, "Backup")
    other = dataclass(type("Tape", (), {"__doc__": "Another one."}))
    with pytest.raises(TypeError, match="two types"):
        found.of(other, "Backup")


PROGRAMS: Final = [
    (ROOT / "examples/languages/yaml/Pulumi.yaml").read_text(),
    *re.findall(
        r"```yaml\n(.*?)```",
        (ROOT / "docs/how-to/use-from-other-languages.md").read_text(),
        re.DOTALL,
    ),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=["example", "page"])
def test_a_program_in_yaml_names_components_and_fields_that_exist(program: str):
    resources = yaml.safe_load(program)["resources"]
    for name, resource in resources.items():
        package, _, component = resource["type"].partition(":")
        described = RESOURCES[f"{package}:index:{component}"]
        assert resource["properties"].keys() <= described["inputProperties"].keys(), name
        assert resource["properties"].keys() >= set(described["requiredInputs"]), name


def test_the_generated_python_sdk_has_another_name_than_the_wheel():
    """`pulumi_qudag_mcp` is the wheel; the SDK's name begins with the namespace."""
    assert SCHEMA["name"] == "qudag-mcp"
    assert f"{NAMESPACE}_{SCHEMA['name']}".replace("-", "_") != "pulumi_qudag_mcp"
    assert SCHEMA["namespace"] == NAMESPACE


def test_pulumi_does_not_take_the_wheel_for_a_plugin():
    plugin = Path(FILE).with_name("pulumi-plugin.json")
    assert json.loads(plugin.read_text()) == {"resource": False}


def test_a_required_field_has_no_default():
    for name in TYPE_TOKENS:
        args = component(name).args_type
        inputs = RESOURCES[TYPE_TOKENS[name]]["inputProperties"]
        for each in fields(args):
            if each.default is MISSING and each.default_factory is MISSING:
                assert "default" not in inputs[camel(each.name)]
