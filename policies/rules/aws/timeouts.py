"""Timeouts of functions, APIs, tasks and load balancers against the server's configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.mcp.server_names import CONFIG_VARIABLE
from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from ..timeouts import outlives, tool_and_drain
from .types import BALANCER, FUNCTION, INTEGRATION, TARGETS, TASK, containers

TIMEOUTS: Final = Rule(
    id="aws-timeout-001",
    severity=Severity.MEDIUM,
    reference="https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html",
    refuses="a timeout between client and server that is not longer than the longest tool or drain",
    fix="set it above the longest tool call, and a grace above the drain",
    house=True,
)


def timeouts_outlive_the_tool(graph: ResourceGraph) -> Iterator[Hit]:
    """Every timeout between client and server is longer than the longest tool."""
    for function in graph.all(FUNCTION):
        variables = dig(function.inputs, "environment", "variables")
        longest, _ = tool_and_drain(dig(variables, CONFIG_VARIABLE))
        yield from outlives(function, "timeout", longest, TIMEOUTS.id)
        for integration in graph.all(INTEGRATION):
            if integration.inputs.get("integrationUri") == function.outputs.get("invokeArn"):
                yield from outlives(integration, "timeoutMilliseconds", longest * 1000, TIMEOUTS.id)
    for task in graph.all(TASK):
        for container in containers(task.inputs.get("containerDefinitions")):
            yield from _task(graph, task, container)


def _task(graph: ResourceGraph, task: Resource, container: Mapping[str, Any]) -> Iterator[Hit]:
    environment = {
        str(each.get("name")): each.get("value")
        for each in map(branch, entries(container, "environment"))
    }
    longest, drain = tool_and_drain(environment.get(CONFIG_VARIABLE))
    if longest and container.get("stopTimeout", 30) <= drain:
        what = f"stops the container before its drain of {drain} s is over"
        so = "every rollout interrupts calls in progress"
        yield at(
            task, "containerDefinitions", what, so, f"set stopTimeout above {drain}", TIMEOUTS.id
        )
    for balancer in graph.all(BALANCER):
        if balancer.parent == task.parent:
            yield from outlives(balancer, "idleTimeout", longest, TIMEOUTS.id)
    for targets in graph.all(TARGETS):
        if targets.parent == task.parent:
            yield from outlives(targets, "deregistrationDelay", drain, TIMEOUTS.id)


CHECK: Final = Check(
    rules=(TIMEOUTS,),
    types=(BALANCER, FUNCTION, INTEGRATION, TARGETS, TASK),
    find=timeouts_outlive_the_tool,
)
