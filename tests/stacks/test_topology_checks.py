"""A topology that cannot work is refused with the path of what is wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.kubernetes.party import Flow
from components.kubernetes.scaling import Autoscaling, ObjectMetric
from stacks.config.stack import StackConfig
from stacks.rules.platform import broken_rules
from stacks.topologies import TOPOLOGIES
from stacks.topologies.checks import topology_problems
from stacks.topologies.topology import (
    CoreService,
    Front,
    GatewayService,
    Migration,
    MonolithService,
    NodeService,
    ServerService,
    Topology,
)


def flow(source: str, target: str, port: int, **changes: Any) -> Flow:
    return Flow(source=source, target=target, port=port, why="a test", **changes)


def sound(**changes: Any) -> Topology:
    """A gateway, a core with a database, and an agent behind it."""
    given: dict[str, Any] = {
        "name": "sound",
        "front": Front(service="edge", upstream="brain"),
        "services": [
            GatewayService(name="edge"),
            CoreService(name="brain"),
            ServerService(name="agent", role="tools"),
        ],
        "data": ["postgres"],
        "jobs": [Migration(service="brain", name="schema")],
        "flows": [
            flow("clients", "edge", 8443),
            flow("edge", "brain", 8443),
            flow("brain", "agent", 8443),
            flow("brain", "postgres", 5432),
            flow("schema", "postgres", 5432),
        ],
    }
    return Topology(**given | changes)


def with_flow(*added: Flow) -> Topology:
    return sound(flows=[*sound().flows, *added])


def without_flow(source: str, target: str) -> Topology:
    kept = [f for f in sound().flows if (f.source, f.target) != (source, target)]
    return sound(flows=kept)


def with_service(*added: Any, **changes: Any) -> Topology:
    return sound(services=[*sound().services, *added], **changes)


def front(**changes: Any) -> Topology:
    return sound(front=replace(sound().front, **changes))


NODE = NodeService(name="node", scaling=Autoscaling(min=1, max=2))
MEASURED = Autoscaling(
    min=1, max=2, object_metrics=[ObjectMetric(name="lag", service="brian-service", value="1")]
)

BROKEN: dict[str, tuple[Callable[[], Topology], list[str]]] = {
    "no front": (lambda: front(service="nothing"), ["front.service"]),
    "a front that is a server": (
        lambda: front(service="agent"),
        ["front.service", "flows[0]"],
    ),
    "a front that no client may connect to": (
        lambda: without_flow("clients", "edge"),
        ["front.service"],
    ),
    "a front that clients may connect to without TLS only": (
        lambda: sound(flows=[flow("clients", "edge", 8080), *sound().flows[1:]]),
        ["front.service"],
    ),
    "a front without an upstream": (lambda: front(upstream="nothing"), ["front.upstream"]),
    "a front whose upstream is itself": (lambda: front(upstream="edge"), ["front.upstream"]),
    "an upstream without its flow": (lambda: without_flow("edge", "brain"), ["front.upstream"]),
    "an upstream that another service has a flow from": (
        lambda: front(upstream="agent"),
        ["front.upstream"],
    ),
    "a second gateway": (
        lambda: with_service(GatewayService(name="edge-2")),
        ["services.edge-2"],
    ),
    "a monolith with a server behind it": (
        lambda: sound(services=[MonolithService(name="edge"), *sound().services[1:]]),
        ["front.upstream"],
    ),
    "two services of one name": (lambda: with_service(CoreService(name="agent")), ["agent"]),
    "a service with the name of a data store": (
        lambda: with_service(ServerService(name="postgres", role="tools")),
        ["postgres"],
    ),
    "a service with the name of a job": (
        lambda: with_service(ServerService(name="schema", role="tools")),
        ["schema"],
    ),
    "a service with the name of a party outside": (
        lambda: with_service(ServerService(name="issuer", role="tools")),
        ["issuer"],
    ),
    "a name with a capital": (
        lambda: with_service(ServerService(name="Agent", role="tools")),
        ["services.Agent"],
    ),
    "a name that is too long": (
        lambda: with_service(ServerService(name="a" * 46, role="tools")),
        [f"services.{'a' * 46}"],
    ),
    "a role that the server has not": (
        lambda: with_service(ServerService(name="cook", role="cook")),  # pyright: ignore[reportArgumentType]
        ["services.cook.role"],
    ),
    "a role that needs the database, without its flow": (
        lambda: with_service(ServerService(name="memory", role="state")),
        ["services.memory"],
    ),
    "an autoscaled node": (lambda: with_service(NODE), ["services.node.scaling"]),
    "a metric of a Service that is not there": (
        lambda: with_service(ServerService(name="busy", role="tools", scaling=MEASURED)),
        ["services.busy.scaling.object_metrics.lag"],
    ),
    "a flow from what is not there": (
        lambda: with_flow(flow("nobody", "agent", 8443)),
        ["flows[5]"],
    ),
    "a flow to what is not there": (lambda: with_flow(flow("brain", "agnet", 8443)), ["flows[5]"]),
    "a flow to a data store that the topology has not": (
        lambda: with_flow(flow("brain", "redis", 6379)),
        ["flows[5]"],
    ),
    "a flow to a port on which nothing listens": (
        lambda: with_flow(flow("brain", "agent", 4001)),
        ["flows[5]"],
    ),
    "a flow to another port of a data store": (
        lambda: with_flow(flow("brain", "postgres", 6379)),
        ["flows[5]"],
    ),
    "a flow over UDP": (
        lambda: with_flow(flow("edge", "agent", 8443, protocol="UDP")),
        ["flows[5]"],
    ),
    "a flow to a job": (lambda: with_flow(flow("brain", "schema", 8443)), ["flows[5]"]),
    "a flow from a data store": (lambda: with_flow(flow("postgres", "agent", 8443)), ["flows[5]"]),
    "a flow from clients past the front": (
        lambda: with_flow(flow("clients", "agent", 8443)),
        ["flows[5]"],
    ),
    "a flow from clients to the database": (
        lambda: with_flow(flow("clients", "postgres", 5432)),
        ["flows[5]"],
    ),
    "a flow between parties outside": (
        lambda: with_flow(flow("prometheus", "issuer", 443)),
        ["flows[5]"],
    ),
    "a flow declared twice": (lambda: with_flow(flow("edge", "brain", 8443)), ["flows[1]"]),
    "a data store that no one uses": (
        lambda: sound(data=["postgres", "redis"]),
        ["data.redis"],
    ),
    "a data store that no component makes": (
        lambda: sound(data=["postgres", "mysql"]),
        ["data.mysql"],
    ),
    "a job without its data": (lambda: sound(data=[]), ["jobs.schema", "flows[3]", "flows[4]"]),
    "a job without its flow": (lambda: without_flow("schema", "postgres"), ["jobs.schema"]),
    "a job for a service without a flow to the database": (
        lambda: without_flow("brain", "postgres"),
        ["jobs.schema.service"],
    ),
    "a job for a service that is not there": (
        lambda: sound(jobs=[Migration(service="nothing", name="schema")]),
        ["jobs.schema.service"],
    ),
    "a job for a service that waits for none": (
        lambda: sound(jobs=[Migration(service="agent", name="schema")]),
        ["jobs.schema.service"],
    ),
    "two jobs for one service": (
        lambda: sound(
            jobs=[*sound().jobs, Migration(service="brain", name="schema-2")],
            flows=[*sound().flows, flow("schema-2", "postgres", 5432)],
        ),
        ["jobs (brain)"],
    ),
}


def said(topology: Topology) -> list[str]:
    """Paths without the ends of flows, which follow their number in brackets."""
    found = [
        problem.path.removeprefix("topologies.sound.") for problem in topology_problems(topology)
    ]
    return [path.partition(" (")[0] if path.startswith("flows") else path for path in found]


@pytest.mark.parametrize(("topology", "at"), BROKEN.values(), ids=BROKEN)
def test_it_is_refused_with_its_path(topology: Callable[[], Topology], at: list[str]):
    assert said(topology()) == at


@pytest.mark.parametrize("topology", [case[0] for case in BROKEN.values()], ids=BROKEN)
def test_each_problem_says_what_follows_and_what_to_do(topology: Callable[[], Topology]):
    for problem in topology_problems(topology()):
        assert problem.path.startswith("topologies.sound.")
        assert all((problem.what, problem.consequence, problem.fix))


def test_all_problems_of_a_topology_are_reported_at_once():
    broken = sound(
        front=Front(service="edge", upstream="nothing"),
        data=[],
        flows=[*sound().flows, flow("a", "b", 1)],
    )
    assert said(broken) == [
        "front.upstream",
        "jobs.schema",
        "flows[3]",
        "flows[4]",
        "flows[5]",
        "flows[5]",
    ]


def test_a_misspelt_end_is_named_with_the_nearest_one():
    (problem,) = topology_problems(with_flow(flow("brain", "agnet", 8443)))
    assert problem.fix == "write agent"


def test_a_missing_store_is_to_be_added_to_the_data():
    (problem,) = topology_problems(with_flow(flow("brain", "redis", 6379)))
    assert problem.fix == "add redis to data"


def test_a_sound_topology_has_no_problem():
    assert topology_problems(sound()) == []
    nothing = sound(data=[], jobs=[], flows=[f for f in sound().flows if f.target != "postgres"])
    assert topology_problems(nothing) == []


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_topology_of_ours_is_sound(name: str):
    assert topology_problems(TOPOLOGIES[name]) == []
    assert TOPOLOGIES[name].name == name


def test_a_broken_topology_is_refused_with_the_rest_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
):
    """Before anything is registered: with the other rules between sections."""
    name = "monolith"
    broken = replace(TOPOLOGIES[name], data=[])
    monkeypatch.setitem(TOPOLOGIES, name, broken)  # pyright: ignore[reportArgumentType]
    found = [problem.path for problem in broken_rules(StackConfig(topology=name))]
    assert any(path.startswith("topologies.monolith.flows[") for path in found)
    assert "topologies.monolith.jobs.mcp-migration" in found


@pytest.mark.parametrize(
    "added",
    [
        flow("issuer", "brain", 8443),
        flow("qudag-peers", "brain", 8443),
        flow("prometheus", "brain", 8443),
        flow("prometheus", "postgres", 5432),
        flow("brain", "clients", 443),
        flow("edge", "postgres", 5432),
    ],
    ids=lambda added: f"{added.source} to {added.target}",
)
def test_a_flow_that_bypasses_the_front_is_refused(added: Flow):
    (problem,) = topology_problems(with_flow(added))
    assert problem.path == (
        f"topologies.sound.flows[5] ({added.source} → {added.target}:{added.port})"
    )


def test_metrics_and_peers_need_no_front():
    services = [*sound().services, NodeService(name="node")]
    flows = [
        *sound().flows,
        flow("prometheus", "brain", 9090),
        flow("qudag-peers", "node", 4001),
        flow("brain", "node", 8443),
    ]
    assert topology_problems(sound(services=services, flows=flows)) == []
