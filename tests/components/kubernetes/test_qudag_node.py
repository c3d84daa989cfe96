"""QudagNode: each pod has a name, a key and data of its own, and knows its peers."""

from __future__ import annotations

import shlex
import tomllib
from typing import Any

import pulumi
import pytest

from components.base.problems import ProblemReport
from components.kubernetes.qudag_node import NodeProfile, QudagNode, QudagNodeArgs
from components.kubernetes.scaling import Autoscaling
from runtime.qudag_join import WAIT_SECONDS
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.minimal_args import config, server

STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"


def graph(profile: NodeProfile = NodeProfile.SEED, replicas: int = 2, **args: Any) -> ResourceGraph:
    settings = server(config=config(name="node", role="qudag"), replicas=replicas)
    given = QudagNodeArgs(server=settings, profile=profile, **args)
    return record(lambda: QudagNode("node", given))


def only(graph: ResourceGraph) -> Pods:
    (found,) = pods(graph)
    return found


def node_toml(graph: ResourceGraph) -> dict[str, Any]:
    (config_map,) = objects(graph, "ConfigMap")
    return tomllib.loads(config_map["data"]["node.toml"])


both_profiles = pytest.mark.parametrize("profile", NodeProfile)


@both_profiles
def test_a_node_keeps_its_data_and_its_key_through_restarts(profile: NodeProfile):
    made = graph(profile, size="5Gi", protect=True)
    stateful_set = made.one(STATEFUL_SET)
    (claim,) = stateful_set.inputs["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert stateful_set.protect
    (mount,) = [m for m in only(made).containers[0]["volumeMounts"] if m["name"] == "data"]
    assert mount["mountPath"] == "/var/lib/qudag"


def test_the_key_is_kept_on_the_volume():
    assert node_toml(graph())["crypto"]["key_path"].startswith("/var/lib/qudag/")


@both_profiles
def test_every_node_has_a_name_that_its_peers_can_look_up(profile: NodeProfile):
    made = graph(profile)
    service = next(s for s in objects(made, "Service") if s["spec"].get("clusterIP") == "None")
    assert made.one(STATEFUL_SET).inputs["spec"]["serviceName"] == service["metadata"]["name"]


def test_the_nodes_of_a_set_and_those_outside_are_peers():
    assert node_toml(graph(replicas=3, peers=["/ip4/192.0.2.1/tcp/4001"]))["network"]["peers"] == [
        "/dns4/node-0.node-p2p/tcp/4001",
        "/dns4/node-1.node-p2p/tcp/4001",
        "/dns4/node-2.node-p2p/tcp/4001",
        "/ip4/192.0.2.1/tcp/4001",
    ]


def start_script(graph: ResourceGraph) -> str:
    (config_map,) = objects(graph, "ConfigMap")
    return config_map["data"]["start.sh"]


def test_the_released_program_gets_flags_and_is_stopped_by_sigint():
    script = start_script(graph(NodeProfile.UPSTREAM))
    assert " -- qudag start -p 4001 -d /var/lib/qudag &" in script
    assert "kill -INT" in script


def test_the_released_program_starts_through_the_peer_id_lookup():
    script = start_script(graph(NodeProfile.UPSTREAM, peers=["/ip4/192.0.2.1/tcp/1"]))
    (line,) = [line for line in script.splitlines() if line.startswith("qudag-mcp-server")]
    assert shlex.split(line.partition(" -- ")[0]) == [
        *("qudag-mcp-server", "join"),
        *("--name", "$POD_NAME.node-p2p.qudag-mcp-dev.svc"),
        *("--peer", "/dns4/node-0.node-p2p.qudag-mcp-dev.svc/tcp/4001"),
        *("--peer", "/dns4/node-1.node-p2p.qudag-mcp-dev.svc/tcp/4001"),
        *("--peer", "/ip4/192.0.2.1/tcp/1"),
    ]


@both_profiles
def test_another_set_is_a_peer_by_the_host_that_it_puts_out(profile: NodeProfile):
    def both() -> None:
        settings = server(config=config(role="qudag"))
        first = QudagNode("first", QudagNodeArgs(server=settings, profile=profile))
        peer = pulumi.Output.concat("/dns4/", first.p2p_host, "/tcp/4001")
        QudagNode("second", QudagNodeArgs(server=settings, profile=profile, peers=[peer]))

    texts = [text for made in objects(record(both), "ConfigMap") for text in made["data"].values()]
    assert any("/dns4/first-p2p.qudag-mcp-dev.svc/tcp/4001" in t for t in texts)


def test_an_output_as_peer_is_quoted_in_the_start_script():
    def program() -> None:
        later = pulumi.Output.from_input("/dns4/a;b/tcp/1")
        settings = server(config=config(name="node", role="qudag"))
        args = QudagNodeArgs(server=settings, profile=NodeProfile.UPSTREAM, peers=[later])
        QudagNode("node", args)

    (line,) = [line for line in start_script(record(program)).splitlines() if "a;b" in line]
    assert "/dns4/a;b/tcp/1" in shlex.split(line)


def test_the_released_program_is_asked_only_whether_it_takes_connections():
    found = only(graph(NodeProfile.UPSTREAM)).containers[0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert found[probe]["tcpSocket"] == {"port": 4001}
        assert "httpGet" not in found[probe]


def test_a_node_may_wait_for_its_peers_longer_than_it_does():
    probe = only(graph(NodeProfile.UPSTREAM)).containers[0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > WAIT_SECONDS + 10


def test_only_a_node_that_answers_http_has_a_service_for_it():
    def offered(profile: NodeProfile) -> set[int]:
        services = objects(graph(profile), "Service")
        return {port["port"] for service in services for port in service["spec"]["ports"]}

    assert offered(NodeProfile.SEED) == {4001, 8443}
    assert offered(NodeProfile.UPSTREAM) == {4001}


def test_only_a_node_that_has_metrics_says_where():
    assert only(graph()).annotations["prometheus.io/port"] == "9090"
    assert "prometheus.io/port" not in only(graph(NodeProfile.UPSTREAM)).annotations


def test_autoscaled_qudag_nodes_are_refused():
    settings = server(config=config(name="node"), scaling=Autoscaling(min=1, max=2))
    with pytest.raises(ProblemReport) as report:
        record(lambda: QudagNode("node", QudagNodeArgs(server=settings)))
    assert report.value.problems[0].path == "node.server.scaling"
