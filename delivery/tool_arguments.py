"""Parses the arguments of a tool from the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mcp_types import Tool

from components.base.problems import Problem, ProblemReport


def arguments(pairs: Sequence[str], tool: Tool) -> dict[str, Any]:
    """Parse ``key=value`` pairs: the tool's schema decides whether a value is text or JSON."""
    schema: dict[str, Any] = tool.input_schema.get("properties", {})
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ProblemReport(
            Problem(
                f"argument {pair!r}",
                "it is not of the form key=value",
                "no tool was called",
                f"{tool.name} takes {', '.join(schema) or 'no arguments'}",
            )
            for pair in wrong
        )
    taken: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        taken[key] = text if schema.get(key, {}).get("type") == "string" else _value(text)
    return taken


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
