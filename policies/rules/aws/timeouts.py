"""Timeouts of functions, APIs, tasks and load balancers against the server's configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.base.problems import Problem
from components.mcp.server_toml import CONFIG_VARIABLE
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ...rule import at
from ..timeouts import outlives, tool_and_drain


def timeouts_outlive_the_tool(graph: ResourceGraph) -> Iterator[Problem]:
    """Every timeout between client and server is longer than the longest tool."""
    for function in graph.all("aws:lambda/function:Function"):
        variables = dig(function.inputs, "environment", "variables")
        longest, _ = tool_and_drain(dig(variables, CONFIG_VARIABLE))
        yield from outlives(function, "timeout", longest)
        for integration in graph.all("aws:apigatewayv2/integration:Integration"):
            if integration.inputs.get("integrationUri") == function.outputs.get("invokeArn"):
                yield from outlives(integration, "timeoutMilliseconds", longest * 1000)
    for task in graph.all("aws:ecs/taskDefinition:TaskDefinition"):
        definitions = task.inputs.get("containerDefinitions")
        if not isinstance(definitions, str) or definitions == UNKNOWN:
            continue
        for container in json.loads(definitions):
            yield from _task(graph, task, container)


def _task(graph: ResourceGraph, task: Resource, container: Mapping[str, Any]) -> Iterator[Problem]:
    environment = {each["name"]: each["value"] for each in container.get("environment", ())}
    longest, drain = tool_and_drain(environment.get(CONFIG_VARIABLE))
    if longest and container.get("stopTimeout", 30) <= drain:
        what = f"stops the container before its drain of {drain} s is over"
        so = "every rollout interrupts calls in progress"
        yield at(task, "containerDefinitions", what, so, f"set stopTimeout above {drain}")
    for balancer in graph.all("aws:lb/loadBalancer:LoadBalancer"):
        if balancer.parent == task.parent:
            yield from outlives(balancer, "idleTimeout", longest)
    for targets in graph.all("aws:lb/targetGroup:TargetGroup"):
        if targets.parent == task.parent:
            yield from outlives(targets, "deregistrationDelay", drain)
