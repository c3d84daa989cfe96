"""`down` refuses to delete protected resources."""

from __future__ import annotations

import pytest

from components.base.problems import ProblemReport
from delivery.down import refuse_protected
from graph.resource_graph import Resource, ResourceGraph


def claim(name: str, *, protect: bool) -> Resource:
    inputs = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}}
    token = "kubernetes:core/v1:PersistentVolumeClaim"
    return Resource(urn=f"urn:{name}", type=token, name=name, inputs=inputs, protect=protect)


def graph(*resources: Resource) -> ResourceGraph:
    return ResourceGraph(project="qudag-mcp", stack="prod", resources=resources)


def test_a_stack_with_protected_objects_is_not_deleted() -> None:
    with pytest.raises(ProblemReport) as report:
        refuse_protected(graph(claim("keys", protect=True), claim("cache", protect=False)))
    (problem,) = report.value.problems
    assert "PersistentVolumeClaim keys" in problem.what
    assert "cache" not in problem.what
    assert "data.protect" in problem.fix


def test_a_stack_without_protected_objects_can_be_deleted() -> None:
    refuse_protected(graph(claim("cache", protect=False)))
