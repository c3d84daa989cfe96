"""What was deployed under a former type token or logical name is found by its alias."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.base.component import Component
from components.base.tokens import FORMER_TOKENS, TYPE_TOKENS
from graph.resource_graph import ResourceGraph
from review.diff import Action, diff
from tests.harness import record
from tests.harness.component_cases import CASES, recorded
from tests.harness.ecs_fargate import graph as ecs

MOVED = {
    name: (component, args)
    for name, (component, args) in CASES.items()
    if component.__name__ in FORMER_TOKENS
}


def under_former_token(graph: ResourceGraph, token: str, former: str) -> ResourceGraph:
    """The graph as it was before the component had a token of its own."""
    text = graph.to_json().replace(f'"{token}"', f'"{former}"')
    text = text.replace(f"::{token}::", f"::{former}::").replace(f"::{token}$", f"::{former}$")
    old = ResourceGraph.from_json(text)
    return replace(old, resources=tuple(replace(each, aliases=()) for each in old.resources))


@pytest.mark.parametrize(("component", "args"), MOVED.values(), ids=MOVED)
def test_a_new_token_moves_what_is_deployed(component: type[Component[Any]], args: Any):
    token = TYPE_TOKENS[component.__name__]
    now = recorded(component, args)
    before = under_former_token(now, token, FORMER_TOKENS[component.__name__])
    assert not {each.urn for each in before.resources if token in each.urn}
    actions = {change.action for change in diff(before, now).changes}
    assert actions == {Action.MOVE}


def test_only_a_component_with_a_new_token_has_an_alias():
    for name, (component, args) in CASES.items():
        resource = recorded(component, args).one(TYPE_TOKENS[component.__name__], name="node")
        assert bool(resource.aliases) is (name in MOVED), name


def test_the_callers_own_aliases_are_kept():
    component, args = next(iter(MOVED.values()))
    opts = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="other")])
    graph = record(lambda: component("node", args, opts))
    token = TYPE_TOKENS[component.__name__]
    aliases = graph.one(token, name="node").aliases
    assert any(alias.endswith(f"{token}::other") for alias in aliases)
    assert any(FORMER_TOKENS[component.__name__] in alias for alias in aliases)


def test_a_load_balancer_and_its_rules_keep_what_is_deployed():
    graph = ecs()
    renamed = [each for each in graph.resources if "load-balancer" in each.name]
    assert len(renamed) == 6
    assert all(len(each.aliases) == 1 for each in renamed)
    assert not {alias for each in renamed for alias in each.aliases if "load-balancer" in alias}


def test_the_security_group_of_the_load_balancer_keeps_its_physical_name():
    group = ecs().one("aws:ec2/securityGroup:SecurityGroup", name="mcp-load-balancer-group")
    (former,) = group.aliases
    role = former.rpartition("::mcp-")[2].removesuffix("-group")
    assert group.inputs["name"].startswith(f"mcp-{role}-")
