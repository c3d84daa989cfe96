"""Pulumi's resource options on each component: what its children inherit.

The SDK passes options on through ``parent`` alone, so each of these fails when a child of a
component has another parent, or overrides what it should inherit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_azure_native as azure
import pulumi_command as command
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s
import pytest

from components.base.component import Component
from components.base.tokens import TYPE_TOKENS
from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from tests.harness import record
from tests.harness.component_cases import CASES, recorded
from tests.harness.tiers import sampled

each_component = pytest.mark.parametrize(
    ("component", "args"), sampled(CASES.values(), 3), ids=CASES
)
Case = type[Component[Any]]

PROVIDERS: dict[str, Callable[[], pulumi.ProviderResource]] = {
    "aws": lambda: aws.Provider("chosen-aws", region="eu-west-1"),
    "azure-native": lambda: azure.Provider("chosen-azure-native"),
    "command": lambda: command.Provider("chosen-command"),
    "gcp": lambda: gcp.Provider("chosen-gcp"),
    "kubernetes": lambda: k8s.Provider("chosen-kubernetes"),
}


@dataclass
class Optioned:
    """A component with options that do not touch each other.

    Attributes:
        transformed: the names of the resources that the program's function has seen.
    """

    graph: ResourceGraph
    transformed: list[str]


_OPTIONED: dict[int, Optioned] = {}


def optioned(component: Case, args: Any) -> Optioned:
    """The component with several options at once; recorded once for the tests of each."""
    if id(args) not in _OPTIONED:  # those of the cases live as long as the tests
        seen: list[str] = []

        def mark(given: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
            seen.append(given.name)
            return pulumi.ResourceTransformResult({**given.props, "marked": True}, given.opts)

        def program() -> None:
            options = pulumi.ResourceOptions(
                protect=True,
                retain_on_delete=True,
                aliases=[pulumi.Alias(name="older")],
                providers=[make() for make in PROVIDERS.values()],
                transforms=[mark],
            )
            component("node", args, options)

        _OPTIONED[id(args)] = Optioned(record(program), seen)
    return _OPTIONED[id(args)]


_HELD: dict[int, Optioned] = {}


def held_by_another(component: Case, args: Any) -> Optioned:
    """The component under another one that is protected; its transformation retains all of it."""
    if id(args) not in _HELD:
        seen: list[str] = []

        def mark(given: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
            seen.append(given.name)
            opts = pulumi.ResourceOptions.merge(
                given.opts, pulumi.ResourceOptions(retain_on_delete=True)
            )
            return pulumi.ResourceTransformationResult(given.props, opts)

        def program() -> None:
            opts = pulumi.ResourceOptions(protect=True)
            outer = pulumi.ComponentResource("test:index:Outer", "outer", {}, opts)
            component("node", args, pulumi.ResourceOptions(parent=outer, transformations=[mark]))

        _HELD[id(args)] = Optioned(record(program), seen)
    return _HELD[id(args)]


def under(graph: ResourceGraph, component: Case, name: str = "node") -> list[Resource]:
    """The component, then everything under it."""
    found = [graph.one(TYPE_TOKENS[component.__name__], name)]
    for resource in found:
        found += graph.children(resource.urn)
    return found


def custom(resources: list[Resource]) -> list[Resource]:
    return [resource for resource in resources if resource.custom]


def package(resource: Resource) -> str:
    return resource.type.partition(":")[0]


@each_component
def test_protect_covers_everything_under_the_component(component: Case, args: Any):
    graph = optioned(component, args).graph
    assert [one.urn for one in under(graph, component) if not one.protect] == []


@each_component
def test_retain_on_delete_covers_everything_under_the_component(component: Case, args: Any):
    graph = optioned(component, args).graph
    assert [one.urn for one in under(graph, component) if not one.retain_on_delete] == []


@each_component
def test_without_options_only_the_claims_of_pods_are_retained(component: Case, args: Any):
    """They hold data, and a smaller number of pods must not delete it."""
    children = under(recorded(component, args), component)
    claims = [one.urn for one in children if one.type.endswith(":PersistentVolumeClaimPatch")]
    assert [one.urn for one in children if one.retain_on_delete] == claims


@each_component
def test_an_alias_of_the_component_aliases_everything_under_it(component: Case, args: Any):
    former = under(record(lambda: component("older", args)), component, "older")
    now = under(optioned(component, args).graph, component)
    assert len(former) == len(now)
    known = {alias for one in now for alias in one.aliases}
    assert [one.urn for one in former if one.urn not in known] == []
    children = [one for one in now[1:] if one.name != "node"]
    assert [one.urn for one in children if any(a.endswith("::older") for a in one.aliases)] == []


@each_component
def test_a_provider_is_used_for_everything_of_its_package(component: Case, args: Any):
    children = custom(under(recorded(component, args), component))
    for chosen in sorted({package(one) for one in children}):
        graph = record(
            lambda of=chosen: component(
                "node", args, pulumi.ResourceOptions(provider=PROVIDERS[of]())
            )
        )
        provider = graph.one(f"pulumi:providers:{chosen}").urn
        others = [one.urn for one in custom(under(graph, component))
                  if package(one) == chosen and one.provider != provider]  # fmt: skip
        assert others == []


@each_component
def test_of_several_providers_each_child_uses_that_of_its_package(component: Case, args: Any):
    graph = optioned(component, args).graph
    chosen = {of: graph.one(f"pulumi:providers:{of}").urn for of in PROVIDERS}
    others = [one.urn for one in custom(under(graph, component))
              if one.provider != chosen[package(one)]]  # fmt: skip
    assert others == []


@each_component
def test_a_parent_holds_the_component_and_passes_its_options_on(component: Case, args: Any):
    alone = under(recorded(component, args), component)
    held = under(held_by_another(component, args).graph, component)
    assert held[0].parent == "urn:pulumi:dev::qudag-mcp::test:index:Outer::outer"
    inside = {one.urn.replace("qudag-mcp::", "qudag-mcp::test:index:Outer$", 1) for one in alone}
    assert {one.urn for one in held} == inside
    assert all(one.protect for one in held)


@each_component
def test_everything_under_the_component_waits_for_what_it_depends_on(component: Case, args: Any):
    registered: list[str] = []

    async def late() -> dict[str, str]:
        for _ in range(100):
            await asyncio.sleep(0)
        return {"ready": "yes"}

    def program() -> None:
        pulumi.runtime.register_resource_transform(lambda given: registered.append(given.name))
        first = k8s.core.v1.ConfigMap("first", data=late())
        component("node", args, pulumi.ResourceOptions(depends_on=[first]))

    graph = record(program)
    held = under(graph, component)
    first = graph.one("kubernetes:core/v1:ConfigMap", "first").urn
    assert held[0].dependencies == (first,)
    assert [one.urn for one in held[1:] if first in one.dependencies] == []
    assert registered[0] == "first"
    assert sorted(registered[1:]) == sorted(one.name for one in held)


@each_component
def test_transforms_change_everything_under_the_component(component: Case, args: Any):
    given = optioned(component, args)
    held = under(given.graph, component)
    assert sorted(given.transformed) == sorted(one.name for one in held)
    assert [one.urn for one in custom(held) if one.inputs.get("marked") is not True] == []


@each_component
def test_transformations_change_everything_under_the_component(component: Case, args: Any):
    given = held_by_another(component, args)
    held = under(given.graph, component)
    assert sorted(given.transformed) == sorted(one.name for one in held)
    assert all(one.retain_on_delete for one in held)


@each_component
def test_the_component_holds_everything_that_it_registers(component: Case, args: Any):
    graph = recorded(component, args)
    assert len(under(graph, component)) == sum(one.type != STACK_TYPE for one in graph.resources)
