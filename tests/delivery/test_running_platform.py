"""`key=value` words are converted to a tool's arguments by the tool's schema."""

from __future__ import annotations

import pytest
from mcp_types import Tool

from components.base.problems import ProblemReport
from delivery.tool_arguments import arguments

TOOL = Tool(
    name="count",
    input_schema={
        "type": "object",
        "properties": {"to": {"type": "integer"}, "text": {"type": "string"}, "any": {}},
    },
)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("to=5", {"to": 5}),
        ("text=5", {"text": "5"}),
        ("text=a=b", {"text": "a=b"}),
        ("text=", {"text": ""}),
        ('any={"a": [1]}', {"any": {"a": [1]}}),
        ("any=plain", {"any": "plain"}),
        ("unknown=true", {"unknown": True}),
    ],
)
def test_a_value_is_text_where_the_schema_says_text_else_json(
    pair: str, expected: dict[str, object]
) -> None:
    assert arguments([pair], TOOL) == expected


def test_an_argument_without_a_value_is_refused_with_the_tools_arguments() -> None:
    with pytest.raises(ProblemReport) as report:
        arguments(["to", "5"], TOOL)
    assert len(report.value.problems) == 2
    assert "to, text, any" in report.value.problems[0].fix
