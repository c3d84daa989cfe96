"""Who can connect: security groups, listeners and permissions to call a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from components.base.problems import Problem
from graph.resource_graph import Resource, ResourceGraph

from ...rule import at

EVERYONE: Final = ("0.0.0.0/0", "::/0")
TLS: Final = 443
PUBLIC_PORTS: Final = (80, TLS)


def only_load_balancers_are_public(graph: ResourceGraph) -> Iterator[Problem]:
    """Only load balancers accept connections from everywhere, and only over TLS."""
    for rule in graph.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        source = next((rule.inputs[k] for k in ("cidrIpv4", "cidrIpv6") if k in rule.inputs), None)
        ports = (rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
        if source in EVERYONE and not (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS):
            what = f"accepts connections from everywhere on ports {ports[0]} to {ports[1]}"
            yield at(
                rule,
                "fromPort",
                what,
                "clients could connect without the load balancer",
                "name 443",
            )
    yield from _outgoing(graph)
    for listener in graph.all("aws:lb/listener:Listener"):
        yield from _listener(listener)
    for permission in graph.all("aws:lambda/permission:Permission"):
        given = permission.inputs
        by_url = given.get("functionUrlAuthType") or given.get("invokedViaFunctionUrl")
        if given.get("principal") == "*" and not by_url:
            what = "lets every AWS account call the function, not only through its URL"
            yield at(
                permission, "principal", what, "any account could call it", "name who calls it"
            )
        if str(given.get("principal")).endswith(".amazonaws.com") and not given.get("sourceArn"):
            what = "lets a service call the function on behalf of every account"
            so = "another account's API could call it"
            yield at(permission, "sourceArn", what, so, "name the API's executionArn")


def _outgoing(graph: ResourceGraph) -> Iterator[Problem]:
    """A rule that allows every address names the one port that servers need."""
    for rule in graph.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
        given = rule.inputs
        ends = {given.get("cidrIpv4"), given.get("cidrIpv6")}
        ports = (given.get("fromPort"), given.get("toPort"))
        if ends & {*EVERYONE} and ports != (TLS, TLS):
            yield at(
                rule,
                "fromPort",
                f"allows every address on ports {ports[0]} to {ports[1]}",
                "an attacker who takes over a server could send anything anywhere",
                f"name {TLS}, or list the networks",
            )


def _listener(listener: Resource) -> Iterator[Problem]:
    given = listener.inputs
    if given.get("protocol") == "HTTPS":
        policy = str(given.get("sslPolicy"))
        if not policy.startswith("ELBSecurityPolicy-TLS13-"):
            what = f"is {policy}: TLS versions before 1.2 are accepted"
            fix = "write ELBSecurityPolicy-TLS13-1-3-2021-06"
            yield at(
                listener,
                "sslPolicy",
                what,
                "tokens are sent over the internet with broken encryption",
                fix,
            )
        return
    for index, action in enumerate(cast("list[Any]", given.get("defaultActions", []))):
        if action.get("type") != "redirect":
            path = f"defaultActions[{index}].type"
            what = f"is {action.get('type')} without TLS"
            yield at(
                listener,
                path,
                what,
                "tokens are sent over the internet unencrypted",
                "write redirect",
            )
