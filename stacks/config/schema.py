"""The JSON Schema of Pulumi.<stack>.yaml, by which editors complete and check what is written."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from ..topologies import TOPOLOGIES
from .error_messages import KEY_PREFIX
from .stack import StackConfig

_OTHERS: Final = "^(?!qudag-mcp:)[^:]+:.+$"
"""Pattern of config keys of other programs and of Pulumi itself, which are not validated."""


def stack_schema() -> dict[str, Any]:
    """The schema of a whole stack file; what it accepts may still break a rule between sections."""
    generated = StackConfig.model_json_schema(by_alias=True)
    generated["properties"]["scaling"]["propertyNames"] = {"enum": _service_names()}
    sections = {f"{KEY_PREFIX}{name}": value for name, value in generated["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pulumi.<stack>.yaml of qudag-mcp",
        "description": "A stack's configuration. It contains no secret: fields name Secrets.",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "description": generated["description"],
                "properties": _tidied(sections),
                "patternProperties": {_OTHERS: {}},
                "additionalProperties": False,
            },
            "environment": {"description": "Pulumi ESC environments to import."},
            "secretsprovider": {"type": "string", "description": "How Pulumi encrypts its state."},
            "encryptedkey": {"type": "string", "description": "Written by Pulumi."},
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi."},
        },
        "$defs": _tidied(generated["$defs"]),
    }


def _service_names() -> list[str]:
    return [service.name for topology in TOPOLOGIES.values() for service in topology.services]


def schema_text() -> str:
    """The schema as schema/stack.json holds it."""
    return json.dumps(stack_schema(), indent=2) + "\n"


def _tidied(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and closed where names have a form."""
    if isinstance(schema, dict):
        stated = cast("dict[str, Any]", schema)
        kept = {
            key: _tidied(value)
            for key, value in stated.items()
            if not (key == "title" and isinstance(value, str))
        }
        return {"additionalProperties": False, **kept} if "patternProperties" in kept else kept
    if isinstance(schema, list):
        return [_tidied(entry) for entry in cast("list[Any]", schema)]
    return schema
