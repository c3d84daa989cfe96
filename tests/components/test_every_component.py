"""What holds for each component: its family, its outputs, and its args in both forms."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pulumi
import pytest

from components.base.arguments import camel
from components.base.component import Component
from components.base.problems import ProblemReport
from components.base.tokens import TYPE_TOKENS
from components.kubernetes.namespace import LockedNamespace
from components.mcp.target import McpTarget
from graph.resource_graph import UNKNOWN
from tests.harness import record
from tests.harness.component_cases import CASES, CREATE_NOTHING, made, recorded, written
from tests.harness.graph_queries import ancestry
from tests.harness.minimal_args import (
    ISSUER,
)
from tests.harness.tiers import sampled

each_component = pytest.mark.parametrize(
    ("component", "args"), sampled(CASES.values(), 3), ids=CASES
)


def test_there_is_a_case_for_each_component():
    assert {component.__name__ for component, _ in CASES.values()} == set(TYPE_TOKENS)


@each_component
def test_every_resource_descends_from_the_component(component: type[Component[Any]], args: Any):
    graph = recorded(component, args)
    token = TYPE_TOKENS[component.__name__]
    objects = [resource for resource in graph.resources if resource.custom]
    assert objects or component in CREATE_NOTHING
    assert all(token in ancestry(graph, resource) for resource in objects)


@each_component
def test_every_resource_is_named_after_the_component(component: type[Component[Any]], args: Any):
    given = recorded(component, args)
    named = {r.name for r in given.resources if r.custom}
    assert all(name.startswith("node-") for name in named)


@each_component
def test_every_annotated_output_is_registered(component: type[Component[Any]], args: Any):
    resource = recorded(component, args).one(TYPE_TOKENS[component.__name__], name="node")
    registered = set(resource.outputs)
    assert registered == set(component.outputs())


@each_component
@pytest.mark.parametrize("spelling", [camel, str], ids=["camelCase", "snake_case"])
def test_a_mapping_of_args_means_the_same_as_the_dataclass(
    component: type[Component[Any]], args: Any, spelling: Any
):
    assert made(component, written(args, spelling)) == recorded(component, args)


@each_component
def test_an_unknown_arg_is_refused_with_the_nearest_one(component: type[Component[Any]], args: Any):
    mapping = written(args)
    key = next(iter(mapping))
    misspelt = key[:-1] + "xe"
    with pytest.raises(ProblemReport) as report:
        made(component, mapping | {misspelt: mapping[key]})
    (problem,) = report.value.problems
    assert (problem.path, problem.fix) == (f"node.{misspelt}", f"write {key}")


@each_component
def test_all_missing_args_are_reported_at_once(component: type[Component[Any]], args: Any):
    with pytest.raises(ProblemReport) as report:
        made(component, {})
    required = {
        camel(f.name)
        for f in fields(component.args_type)
        if f.default is f.default_factory  # both are MISSING
    }
    assert {p.path for p in report.value.problems} == {f"node.{name}" for name in required}


def test_the_callers_options_are_inherited():
    args = CASES["LockedNamespace"][1]
    protected = pulumi.ResourceOptions(protect=True)
    graph = record(lambda: LockedNamespace("node", args, protected))
    assert all(resource.protect for resource in graph.resources if resource.custom)


TARGETS = {name: case for name, case in CASES.items() if issubclass(case[0], McpTarget)}


def test_there_is_a_target_on_every_cloud_and_in_the_cluster():
    assert {component.__name__ for component, _ in TARGETS.values()} == {
        *("Gateway", "Monolith", "AwsLambda", "EcsFargate"),
        *("GcpFunction", "CloudRun", "AzureFunction"),
        *("AzureContainerApp", "AzureContainerGroup"),
    }


@pytest.mark.parametrize(("component", "args"), TARGETS.values(), ids=TARGETS)
def test_every_target_gives_the_same_outputs(component: type[Component[Any]], args: Any):
    outputs = recorded(component, args).one(TYPE_TOKENS[component.__name__], name="node").outputs
    assert {"mcp_url", "prm_url", "issuer", "era"} <= outputs.keys()
    if outputs["mcp_url"] != UNKNOWN:  # an address that only the cloud makes up
        base = outputs["mcp_url"].removesuffix("/mcp")
        assert base.startswith("https://")
        assert outputs["prm_url"] == f"{base}/.well-known/oauth-protected-resource/mcp"
    assert outputs["issuer"] == ISSUER
    assert outputs["era"] == "dual"
