"""Containers of Cloud Run services: one takes requests and checks tokens, and all are probed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.mcp.server_names import HTTP
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from ..reverse_proxy_config import config_of
from .types import SERVICE

_CONSEQUENCES = {
    "startupProbe": "requests would be sent to an instance that cannot answer yet",
    "livenessProbe": "an instance that hangs would not be replaced",
}


PROBED: Final = Rule(
    id="gcp-run-011",
    severity=Severity.LOW,
    reference="https://cloud.google.com/run/docs/configuring/healthchecks",
    refuses="a container without the probe that its server answers",
    fix="set a startup probe and a liveness probe",
    house=True,
)
IN_FRONT: Final = Rule(
    id="gcp-run-012",
    severity=Severity.HIGH,
    reference="https://cloud.google.com/run/docs/deploying#sidecars",
    refuses="requests that reach a container other than the server that checks tokens",
    fix="set a port on the server in front of the others only",
    house=True,
)


def containers_are_probed(graph: ResourceGraph) -> Iterator[Hit]:
    """The container with the port is probed, and is a server in front of all others."""
    for service in graph.all(SERVICE):
        containers = [*map(branch, entries(service.inputs, "template", "containers"))]
        for number, container in enumerate(containers):
            path = f"template.containers[{number}]"
            if container.get("ports") or len(containers) == 1:
                yield from _server(service, path, container, alone=len(containers) == 1)
            elif "startupProbe" not in container:
                yield at(
                    service,
                    f"{path}.startupProbe",
                    "is missing",
                    _CONSEQUENCES["startupProbe"],
                    "set a probe of its port",
                    PROBED.id,
                )


def _server(
    service: Resource, path: str, container: Mapping[str, Any], *, alone: bool
) -> Iterator[Hit]:
    wanted = "/health" if alone else "/ready"
    for probe, consequence in _CONSEQUENCES.items():
        asked = dig(container, probe, "httpGet", "path")
        if asked not in (wanted, UNKNOWN):
            yield at(
                service,
                f"{path}.{probe}.httpGet.path",
                "is missing" if asked is None else f"is {asked}",
                consequence,
                f"set it to {wanted}",
                PROBED.id,
            )
    if not alone and "upstream" not in config_of(container.get("envs", ())):
        yield at(
            service,
            f"{path}.ports",
            "is set, and the container is no server with [upstream]",
            "everyone could call it without a token",
            "set the port of the server in front of it alone",
            IN_FRONT.id,
        )
    # The containers of an instance share their ports: requests go to whoever listens there.
    port = dig(container, "ports", "containerPort")
    if not alone and port not in (HTTP, UNKNOWN):
        yield at(
            service,
            f"{path}.ports.containerPort",
            f"is {port}, where the server does not listen",
            "everyone could call the container that does, without a token",
            f"write {HTTP}, the port of the server in front of it",
            IN_FRONT.id,
        )


CHECK: Final = Check(rules=(PROBED, IN_FRONT), types=(SERVICE,), find=containers_are_probed)
