"""Tasks with a user's image: only its reverse proxy is reachable, and its health is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from components.mcp.server_names import HTTPS
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from ..reverse_proxy_config import config_of
from .types import SERVICE, TARGETS, TASK, containers

IN_FRONT: Final = Rule(
    id="aws-ecs-011",
    severity=Severity.HIGH,
    reference="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
    "service-load-balancing.html",
    refuses="a load balancer that forwards to a container other than the server that checks tokens",
    fix="name the container and the port of the server in front of the others",
    house=True,
)
READY: Final = Rule(
    id="aws-ecs-012",
    severity=Severity.LOW,
    reference="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
    "target-group-health-checks.html",
    refuses="a health check that passes while the program behind the server hangs",
    fix="write /ready",
    house=True,
)


def serving(every: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The containers, without those that have ended before the others start."""
    before: set[Any] = set()
    for each in every:
        waits = [branch(one) for one in entries(each, "dependsOn")]
        ended = {w.get("containerName") for w in waits if w.get("condition") == "SUCCESS"}
        before |= ended
    waiting = [one for one in every if one.get("name") not in before]
    all_wait = all(
        before <= {branch(w).get("containerName") for w in entries(one, "dependsOn")}
        for one in waiting
    )
    return waiting if all_wait else list(every)


def health_is_seen(value: Any) -> bool:
    """Whether each container has a health check, or a server in front of it that watches it."""
    read = serving(containers(value))
    unseen = [each for each in read if "healthCheck" not in each]
    watching = [each for each in read if _watches(each)]
    return not unseen or (len(unseen) == 1 and len(watching) == 1 and unseen != watching)


def programs_are_reached_through_the_server(graph: ResourceGraph) -> Iterator[Hit]:
    """Load balancers forward to the container that checks tokens, and ask it for /ready."""
    for task in graph.all(TASK):
        run = serving(containers(task.inputs.get("containerDefinitions")))
        if len(run) > 1:
            checking = [each["name"] for each in run if _watches(each)]
            yield from _forwarded(graph, task, checking)
        if any(map(_watches, run)):
            yield from _watched(graph, task)


def _forwarded(graph: ResourceGraph, task: Resource, checking: list[str]) -> Iterator[Hit]:
    for service in graph.all(SERVICE):
        ours = service.parent == task.parent
        balancers = map(branch, entries(service.inputs, "loadBalancers") if ours else ())
        for number, each in enumerate(balancers):
            if each.get("containerName") not in checking:
                yield at(
                    service,
                    f"loadBalancers[{number}].containerName",
                    f"is {each.get('containerName')}, which is no server with [upstream]",
                    "everyone could call it without a token",
                    f"write {' or '.join(checking) or 'the container of the server'}",
                    IN_FRONT.id,
                )
            # The containers of a task share their ports: the name alone does not choose one.
            if each.get("containerPort") not in (HTTPS, UNKNOWN):
                yield at(
                    service,
                    f"loadBalancers[{number}].containerPort",
                    f"is {each.get('containerPort')}, where the server does not listen",
                    "everyone could call the container that does, without a token",
                    f"write {HTTPS}, the port of the server in front of it",
                    IN_FRONT.id,
                )


def _watched(graph: ResourceGraph, task: Resource) -> Iterator[Hit]:
    for targets in graph.all(TARGETS):
        path = dig(targets.inputs, "healthCheck", "path")
        if targets.parent == task.parent and path != "/ready":
            yield at(
                targets,
                "healthCheck.path",
                f"is {path}, which the server answers while the program next to it hangs",
                "a program that hangs is never replaced",
                READY.fix,
                READY.id,
            )


def _watches(container: Mapping[str, Any]) -> bool:
    return "upstream" in _config_of(container)


def _config_of(container: Mapping[str, Any]) -> dict[str, Any]:
    return config_of(container.get("environment", ()))


CHECK: Final = Check(
    rules=(IN_FRONT, READY),
    types=(TASK, SERVICE, TARGETS),
    find=programs_are_reached_through_the_server,
)
