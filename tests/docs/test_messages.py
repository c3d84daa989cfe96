"""Messages that pages quote are those of the program."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.credentials import refuse_without_credentials
from graph.resource_graph import Resource, ResourceGraph
from tools.docs import ROOT

ENGINES = (ROOT / "docs/explanation/engines-and-clusters.md").read_text()
CLOUDS = (ROOT / "docs/how-to/deploy-to-clouds.md").read_text()
FAILURES = [
    message
    for row in re.findall(r"^\| (`.*?) \| ", ENGINES.partition("## When it fails")[2], re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", row)
]


@cache
def texts() -> str:
    """Every text of the code of `delivery/`, and the scripts of the local node."""
    found: list[str] = []
    for path in sorted((ROOT / "delivery").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    scripts = [path for path in (ROOT / "tools/node").iterdir() if path.is_file()]
    return "\n".join([*found, *(path.read_text(errors="replace") for path in scripts)])


@pytest.mark.parametrize("message", FAILURES)
def test_a_message_in_the_table_of_failures_is_one_of_the_program(message: str) -> None:
    assert message in texts()


def test_the_table_of_failures_is_read() -> None:
    assert len(FAILURES) > 5


def test_the_sample_of_missing_credentials_is_what_the_program_says(tmp_path: Path) -> None:
    provider = Resource(
        urn="urn:pulumi:prod::qudag-mcp::pulumi:providers:gcp::gcp",
        type="pulumi:providers:gcp",
        name="gcp",
        custom=True,
    )
    graph = ResourceGraph(stack="prod", project="qudag-mcp", resources=(provider,))
    with pytest.raises(ProblemReport) as refused:
        refuse_without_credentials(graph, environment={}, home=tmp_path, vendor=tmp_path / "none")
    assert f"```text\n{refused.value}\n```" in CLOUDS
