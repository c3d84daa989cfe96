"""Container apps with a user's image: only its reverse proxy is reachable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.mcp.server_names import HTTP
from graph.resource_graph import UNKNOWN, ResourceGraph
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from ..reverse_proxy_config import config_of
from .types import CONTAINER_APP

IN_FRONT: Final = Rule(
    id="azure-app-008",
    severity=Severity.HIGH,
    reference="https://learn.microsoft.com/azure/container-apps/containers#sidecar-containers",
    refuses="an app whose ingress, probes or identity are not those of the server that checks "
    "tokens in front of the other containers",
    fix="put the server first, and set the ingress to its port",
    house=True,
)


def programs_are_reached_through_the_server(graph: ResourceGraph) -> Iterator[Hit]:
    """With several containers, the ingress has the port of the server in front of the others."""
    for app in graph.all(CONTAINER_APP):
        containers = [*map(branch, entries(app.inputs, "template", "containers"))]
        ingress = branch(app.inputs, "configuration", "ingress")
        if len(containers) < 2 or not ingress:
            continue
        first = containers[0]
        if "upstream" not in config_of(first.get("env", ())):
            yield at(
                app,
                "template.containers[0]",
                "is no server with [upstream], and there are other containers",
                "everyone could call them without a token",
                "put the server in front of them first",
                IN_FRONT.id,
            )
        if ingress.get("targetPort") not in (HTTP, UNKNOWN):
            yield at(
                app,
                "configuration.ingress.targetPort",
                f"is {ingress.get('targetPort')}, where the server does not listen",
                "everyone could call the container that does, without a token",
                f"write {HTTP}, the port of the server in front of it",
                IN_FRONT.id,
            )
        if ingress.get("additionalPortMappings"):
            yield at(
                app,
                "configuration.ingress.additionalPortMappings",
                "is set, and the server in front of the others has one port",
                "everyone could call another container without a token",
                "leave it out",
                IN_FRONT.id,
            )
        probed = {dig(each, "httpGet", "path") for each in entries(first, "probes")}
        if "/ready" not in probed:
            yield at(
                app,
                "template.containers[0].probes",
                "has none of /ready",
                "requests would be sent to a replica whose image does not answer",
                "add a readiness probe of /ready",
                IN_FRONT.id,
            )
        settings = [*map(branch, entries(app.inputs, "configuration", "identitySettings"))]
        if not settings or any(each.get("lifecycle") != "None" for each in settings):
            yield at(
                app,
                "configuration.identitySettings",
                "gives the containers tokens of the identity",
                "an image of a user could act as the identity, which reads secrets and images",
                "set lifecycle to None for the identity",
                IN_FRONT.id,
            )


CHECK: Final = Check(
    rules=(IN_FRONT,), types=(CONTAINER_APP,), find=programs_are_reached_through_the_server
)
