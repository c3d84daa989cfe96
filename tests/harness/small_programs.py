"""Small Pulumi programs that are recorded in a process of their own."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from graph.programs import ProgramFailed, record_stack
from graph.resource_graph import Resource, ResourceGraph

PRELUDE = """
import pulumi
from pulumi import Output, ResourceOptions


class Thing(pulumi.CustomResource):
    def __init__(self, name, props=None, opts=None):
        super().__init__("test:index:Thing", name, {"colour": None, **(props or {})}, opts)

"""


def written(folder: Path, program: str, project: str = "", stack: str | None = None) -> Path:
    """A program in a folder, which may have a stack file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\n{dedent(project)}")
    (folder / "__main__.py").write_text(PRELUDE + dedent(program))
    if stack is not None:
        (folder / "Pulumi.dev.yaml").write_text(dedent(stack))
    return folder


def recorded(folder: Path, program: str, **files: str) -> ResourceGraph:
    return record_stack(written(folder, program, **files), "dev")


def failed(folder: Path, program: str, **files: str) -> ProgramFailed:
    with pytest.raises(ProgramFailed) as raised:
        record_stack(written(folder, program, **files), "dev")
    return raised.value


def thing(graph: ResourceGraph, name: str) -> Resource:
    return graph.one("test:index:Thing", name)


def noticed(graph: ResourceGraph) -> dict[str, str]:
    return {notice.subject: notice.what for notice in graph.notices}
