"""schema/stack.json equals the models, and the stacks of this repository conform to it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from delivery.cli import app
from graph.stack_files import stack_names
from graph.stack_yaml import read_yaml
from stacks.config.schema import schema_text, stack_schema
from tests.invalid.cases import ROOT, changed, faults

FILE = ROOT / "schema" / "stack.json"
SCHEMA: dict[str, Any] = json.loads(FILE.read_text())
TYPOS: dict[str, tuple[str, Any]] = {
    "a section": ("qudag-mcp:edge", {"qudag-mcp:egde": {}}),
    "a field": ("loadBalancr", {"qudag-mcp:edge": {"loadBalancr": True}}),
    "a choice": ("moden", {"qudag-mcp:protocol": {"era": "moden"}}),
    "a type": ("60", {"qudag-mcp:protocol": {"longestToolSeconds": "60"}}),
    "a range": ("3600", {"qudag-mcp:protocol": {"longestToolSeconds": 3601}}),
    "a pattern": ("50MB", {"qudag-mcp:edge": {"maxBody": "50MB"}}),
    "a service": ("mcp-cor", {"qudag-mcp:scaling": {"mcp-cor": {"replicas": 1}}}),
    "a key without project": ("domain", {"domain": "mcp.example.com"}),
}


def test_the_committed_schema_is_that_of_the_models():
    assert FILE.read_text() == schema_text(), (
        "write it anew: .venv/bin/qudag-mcp schema > schema/stack.json"
    )


def test_the_command_prints_the_committed_schema():
    printed = CliRunner().invoke(app, ["schema"])
    assert (printed.exit_code, printed.stdout) == (0, FILE.read_text())


def test_the_schema_is_valid_json_schema():
    Draft202012Validator.check_schema(stack_schema())


@pytest.mark.parametrize("stack", stack_names(ROOT))
def test_every_stack_of_the_repository_fits_the_schema(stack: str):
    assert faults(SCHEMA, read_yaml(ROOT / f"Pulumi.{stack}.yaml")) == []


@pytest.mark.parametrize("stack", stack_names(ROOT))
def test_every_stack_names_the_schema_for_editors(stack: str):
    first, _, _ = (ROOT / f"Pulumi.{stack}.yaml").read_text().partition("\n")
    reference = re.fullmatch(r"# yaml-language-server: \$schema=(.*)", first)
    assert reference
    assert (ROOT / reference[1]).resolve() == FILE


@pytest.mark.parametrize(("named", "config"), TYPOS.values(), ids=TYPOS.keys())
def test_an_editor_marks_a_typo(named: str, config: dict[str, Any]):
    assert any(named in fault or "egde" in fault for fault in faults(SCHEMA, {"config": config}))


def test_an_editor_marks_a_misspelt_config():
    assert faults(SCHEMA, {"confg": {}})


def test_keys_of_pulumi_and_of_other_programs_are_left_alone():
    config = {f"qudag-mcp:{name}": value for name, value in changed("prod", {}).items()}
    config |= {"aws:region": "eu-west-1", "pulumi:tags": {"a": "b"}}
    assert (
        faults(SCHEMA, {"config": config, "encryptionsalt": "v1:abc", "environment": ["a"]}) == []
    )


def test_every_section_and_field_says_what_it_is_for():
    sections = SCHEMA["properties"]["config"]["properties"]
    silent = [
        f"{where}.{name}"
        for where, fields in [("config", sections), *_models()]
        for name, field in fields.items()
        if not field.get("description") and "$ref" not in field
    ]
    assert silent == []


def _models() -> list[tuple[str, dict[str, Any]]]:
    assert all(model["description"] for model in SCHEMA["$defs"].values())
    return [(name, model["properties"]) for name, model in SCHEMA["$defs"].items()]
