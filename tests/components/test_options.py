"""Pulumi's resource options on each component: what its children inherit."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.base.component import Component
from graph.resource_graph import Resource, ResourceGraph
from tests.components.test_every_component import CASES
from tests.harness import record

each_component = pytest.mark.parametrize(("component", "args"), CASES.values(), ids=CASES)


def made(component: type[Component[Any]], args: Any, **options: Any) -> ResourceGraph:
    return record(lambda: component("node", args, pulumi.ResourceOptions(**options)))


def descendants(graph: ResourceGraph) -> list[Resource]:
    """The component and everything under it."""
    return [one for one in graph.resources if one.type != "pulumi:pulumi:Stack"]


@each_component
def test_protect_covers_everything_under_the_component(component: type[Component[Any]], args: Any):
    unprotected = [one.urn for one in descendants(made(component, args, protect=True))
                   if not one.protect]  # fmt: skip
    assert unprotected == []
