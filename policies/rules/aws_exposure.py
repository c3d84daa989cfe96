"""What only two properties of AWS together tell: who gets in, and who hangs up before the tool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from components.base.problems import Problem
from components.mcp.server_toml import CONFIG_VARIABLE
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ..rule import at
from .resources_outside_components import EVERYONE, PUBLIC_PORTS
from .timeouts import outlives, told


def doors_are_shut(graph: ResourceGraph) -> Iterator[Problem]:
    """Everyone gets in where it is meant, and over TLS."""
    for rule in graph.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        source = next((rule.inputs[k] for k in ("cidrIpv4", "cidrIpv6") if k in rule.inputs), None)
        ports = (rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
        if source in EVERYONE and not (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS):
            what = f"lets everyone in on ports {ports[0]} to {ports[1]}"
            yield at(rule, "fromPort", what, "it is reached past the load balancer", "name 443")
    for listener in graph.all("aws:lb/listener:Listener"):
        yield from _listener(listener)
    for permission in graph.all("aws:lambda/permission:Permission"):
        given = permission.inputs
        by_url = given.get("functionUrlAuthType") or given.get("invokedViaFunctionUrl")
        if given.get("principal") == "*" and not by_url:
            what = "lets everyone call the function, not through its URL alone"
            yield at(permission, "principal", what, "any account may", "name who calls it")
        if str(given.get("principal")).endswith(".amazonaws.com") and not given.get("sourceArn"):
            what = "lets a service call the function for whomever it likes"
            so = "somebody else's API would do"
            yield at(permission, "sourceArn", what, so, "name the API's executionArn")


def _listener(listener: Resource) -> Iterator[Problem]:
    given = listener.inputs
    if given.get("protocol") == "HTTPS":
        policy = str(given.get("sslPolicy"))
        if not policy.startswith("ELBSecurityPolicy-TLS13-"):
            what = f"is {policy}: TLS before 1.2 is not ruled out"
            fix = "write ELBSecurityPolicy-TLS13-1-3-2021-06"
            yield at(listener, "sslPolicy", what, "tokens cross the internet half-protected", fix)
        return
    for index, action in enumerate(cast("list[Any]", given.get("defaultActions", []))):
        if action.get("type") != "redirect":
            path = f"defaultActions[{index}].type"
            what = f"is {action.get('type')} without TLS"
            yield at(listener, path, what, "tokens cross the internet in clear", "write redirect")


def hops_outlive_the_tool(graph: ResourceGraph) -> Iterator[Problem]:
    """Nobody on the way hangs up before the longest tool of the server behind it is done."""
    for function in graph.all("aws:lambda/function:Function"):
        variables = dig(function.inputs, "environment", "variables")
        longest, _ = told(dig(variables, CONFIG_VARIABLE))
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
    longest, drain = told(environment.get(CONFIG_VARIABLE))
    if longest and container.get("stopTimeout", 30) <= drain:
        what = f"stops the container before its drain of {drain} s is over"
        so = "calls in flight are cut at every rollout"
        yield at(task, "containerDefinitions", what, so, f"set stopTimeout above {drain}")
    for balancer in graph.all("aws:lb/loadBalancer:LoadBalancer"):
        if balancer.parent == task.parent:
            yield from outlives(balancer, "idleTimeout", longest)
    for targets in graph.all("aws:lb/targetGroup:TargetGroup"):
        if targets.parent == task.parent:
            yield from outlives(targets, "deregistrationDelay", drain)
