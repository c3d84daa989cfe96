"""Each topology as a program; and that any other value of the kind is a program as well."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.party import Flow
from components.kubernetes.scaling import Autoscaling
from graph.resource_graph import ResourceGraph
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.diagram import flow_table, mermaid
from stacks.rules.capacity import asks, manifests
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import (
    CoreService,
    Front,
    GatewayService,
    Migration,
    NodeService,
    ServerService,
    Service,
    Topology,
)
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.topologies import recorded

GOLDEN = Path(__file__).parent / "golden" / "topologies"
ACCEPT = "ACCEPT_URNS"

OTHER_NAMES: Final = {
    "mcp-gateway": "entry",
    "mcp-core": "planner",
    "qudag-integration": "ledger",
    "mcp-auth": "login",
    "mcp-tools": "executor",
    "mcp-config": "settings",
    "mcp-state": "notebook",
    "mcp-consensus": "voting",
    "mcp-crypto": "signing",
    "mcp-migration": "schema",
}


def renamed() -> Topology:
    """Microservices, with another name for each service and for the migration."""
    source = TOPOLOGIES["microservices"]

    def new(name: str) -> str:
        return OTHER_NAMES.get(name, name)

    def service(one: Service) -> Service:
        return replace(one, name=new(one.name))

    return Topology(
        name="renamed",
        front=Front(service=new(source.front.service), upstream=new(source.front.upstream)),
        services=[service(one) for one in source.services],
        data=source.data,
        jobs=[Migration(service=new(job.service), name=new(job.name)) for job in source.jobs],
        flows=[replace(f, source=new(f.source), target=new(f.target)) for f in source.flows],
    )


def flow(source: str, target: str, port: int) -> Flow:
    return Flow(source=source, target=target, port=port, why="a test")


def small(**changes: Any) -> Topology:
    """A gateway and a core behind it, with nothing else."""
    given: dict[str, Any] = {
        "name": "small",
        "front": Front(service="edge", upstream="brain"),
        "services": [GatewayService(name="edge"), CoreService(name="brain")],
        "flows": [flow("clients", "edge", 8443), flow("edge", "brain", 8443)],
    }
    return Topology(**given | changes)


def names(graph: ResourceGraph) -> set[str]:
    return {found.name for found in pods(graph)}


def texts(graph: ResourceGraph) -> str:
    return "\n".join(f"{r.urn} {r.inputs} {r.outputs}" for r in graph.resources)


def server_toml(graph: ResourceGraph, service: str) -> str:
    (found,) = [
        made["data"]["server.toml"]
        for made in objects(graph, "ConfigMap")
        if made["metadata"]["name"] == f"{service}-config"
    ]
    return found


def passing(graph: ResourceGraph, topology: Topology) -> set[tuple[str, str, int]]:
    """Every flow between workloads, and from or to the clients, that the policies let through."""
    namespace = graph.outputs["namespace"]
    everybody = {one.name: Endpoint.pod(namespace, **one.labels) for one in pods(graph)}
    everybody |= {"clients": Endpoint.address("198.51.100.7")}
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    ports = {port for one in pods(graph) for _, port in one.ports} | {22, 443}
    return {
        (source, target, port)
        for source in everybody
        for target in everybody
        for port in ports
        if not source == target == "clients"
        and cluster.allows(everybody[source], everybody[target], "TCP", port)
    }


def declared(topology: Topology) -> set[tuple[str, str, int]]:
    outside = {"issuer", "qudag-peers", "prometheus"}
    return {
        (f.source, f.target, f.port) for f in topology.flows if not {f.source, f.target} & outside
    }


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_urns_of_a_topology_equal_the_golden_file(topology: Topology):
    urns = "".join(f"{resource.urn}\n" for resource in recorded(topology).resources)
    golden = GOLDEN / f"{topology.name}.txt"
    if os.environ.get(ACCEPT):
        golden.write_text(urns)
    assert urns.splitlines() == golden.read_text().splitlines()


def test_every_golden_file_is_of_a_topology():
    assert {file.stem for file in GOLDEN.iterdir()} == set(TOPOLOGIES)


def test_a_copy_with_other_names_runs_the_same_under_its_own_names():
    topology = renamed()
    made = recorded(topology)
    assert names(made) == {*OTHER_NAMES.values(), "postgres", "redis"}
    kinds = [r.type for r in made.resources]
    assert sorted(kinds) == sorted(r.type for r in recorded(TOPOLOGIES["microservices"]).resources)


def test_a_copy_with_other_names_keeps_no_old_name():
    made = texts(recorded(renamed()))
    for old in OTHER_NAMES:
        assert not re.search(rf"(?<![\w-]){old}(?!\w)", made), old


def test_the_policies_of_a_copy_are_its_flows():
    topology = renamed()
    assert passing(recorded(topology), topology) == declared(topology)


def test_a_copys_gateway_passes_calls_on_to_its_own_upstream():
    made = recorded(renamed())
    (conf,) = [
        c["data"]["nginx.conf"] for c in objects(made, "ConfigMap") if "nginx.conf" in c["data"]
    ]
    assert "planner-service.qudag-mcp-dev.svc" in conf
    assert 'host = "postgres-service"' in server_toml(made, "planner")


def test_diagram_and_quota_of_a_renamed_topology_use_its_names(monkeypatch: pytest.MonkeyPatch):
    topology = renamed()
    assert "/schema/" in mermaid(topology)
    assert "| schema | postgres | 5432 |" in flow_table(topology)
    monkeypatch.setitem(TOPOLOGIES, "microservices", topology)  # pyright: ignore[reportArgumentType]
    counted = {ask.workload for ask in asks(manifests(StackConfig(topology="microservices")))}
    assert counted == set(topology.workloads)


def test_the_secrets_of_a_copy_are_for_its_own_services():
    made = recorded(renamed())
    required = {secret["name"]: secret for secret in made.outputs["required_secrets"]}
    certified = required["mcp-internal-tls-planner"]["dns_names"]
    assert "planner-service.qudag-mcp-dev.svc" in certified
    assert "postgres-service" in required["mcp-internal-tls-postgres"]["dns_names"]
    assert not any("mcp-core" in name for name in required)


def test_a_service_is_added_by_one_entry_and_its_flows():
    source = TOPOLOGIES["microservices"]
    tenth = ServerService(name="mcp-search", role="tools")
    added = [flow("mcp-core", "mcp-search", 8443), flow("mcp-search", "postgres", 5432)]
    topology = replace(source, services=[*source.services, tenth], flows=[*source.flows, *added])
    before, after = recorded(source), recorded(topology)
    new = {r.name for r in after.resources} - {r.name for r in before.resources}
    assert new == {
        "mcp-search",
        *(f"mcp-search-{r}" for r in ("pods", "service", "identity", "config", "disruption")),
        "flows-mcp-search",
    }
    assert passing(after, topology) == declared(topology)
    assert 'host = "postgres-service"' in server_toml(after, "mcp-search")
    assert "[redis]" not in server_toml(after, "mcp-search")


def test_a_topology_without_data_has_no_data_tier_and_no_migration():
    made = recorded(small())
    assert names(made) == {"edge", "brain"}
    assert {r.type for r in made.resources} & {
        "qudag-mcp:index:DataTier",
        "kubernetes:batch/v1:Job",
    } == set()
    assert "[database]" not in server_toml(made, "brain")
    assert "passwords" not in {secret["kind"] for secret in made.outputs["required_secrets"]}
    assert passing(made, small()) == declared(small())


def with_store(store: str, port: int) -> Topology:
    flows = [*small().flows, flow("brain", store, port)]
    return small(data=[store], flows=flows)


@pytest.mark.parametrize(
    ("store", "port", "key"),
    [("postgres", 5432, "database-password"), ("redis", 6379, "password")],
)
def test_a_topology_may_have_one_data_store_and_no_migration(store: str, port: int, key: str):
    topology = with_store(store, port)
    made = recorded(topology)
    assert names(made) == {"edge", "brain", store}
    assert f'host = "{store}-service"' in server_toml(made, "brain")
    (passwords,) = [s for s in made.outputs["required_secrets"] if s["kind"] == "passwords"]
    assert passwords["keys"] == [key]
    assert passing(made, topology) == declared(topology)


def test_a_migration_waits_for_the_database_and_its_service_for_the_migration():
    topology = with_store("postgres", 5432)
    topology = replace(
        topology,
        jobs=[Migration(service="brain", name="schema")],
        flows=[*topology.flows, flow("schema", "postgres", 5432)],
    )
    made = recorded(topology)
    (job,) = made.all("kubernetes:batch/v1:Job")
    (store,) = made.all("kubernetes:apps/v1:StatefulSet")
    (brain,) = [r for r in made.all("kubernetes:apps/v1:Deployment") if r.name == "brain-pods"]
    assert re.fullmatch("schema-[0-9a-f]{10}", job.inputs["metadata"]["name"])
    assert store.urn in job.dependencies
    assert job.urn in brain.dependencies


def test_the_gateway_waits_for_no_pods():
    made = recorded(TOPOLOGIES["microservices"])
    waited = {
        made.by_urn(urn).inputs.get("kind")
        for resource in made.resources
        if resource.name.startswith("mcp-gateway-")
        for urn in resource.dependencies
    }
    assert waited <= {"Namespace", "ServiceAccount"}


def test_a_gateway_may_stand_before_any_server():
    node = NodeService(name="ledger", replicas=1)
    topology = small(
        front=Front(service="edge", upstream="ledger"),
        services=[GatewayService(name="edge"), node],
        flows=[flow("clients", "edge", 8443), flow("edge", "ledger", 8443)],
    )
    (conf,) = [
        c["data"]["nginx.conf"]
        for c in objects(recorded(topology), "ConfigMap")
        if "nginx.conf" in c["data"]
    ]
    assert "ledger-service.qudag-mcp-dev.svc" in conf


def test_a_broken_topology_is_refused_before_anything_is_registered(
    monkeypatch: pytest.MonkeyPatch,
):
    broken = small(front=Front(service="edge", upstream="nothing"))
    monkeypatch.setitem(TOPOLOGIES, "microservices", broken)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ProblemReport) as report:
        validate({"topology": "microservices"}, stack="dev")
    assert [problem.path for problem in report.value.problems] == [
        "topologies.small.front.upstream"
    ]


def test_scale_and_shape_of_a_service_are_its_topologys():
    scaled = CoreService(name="brain", scaling=Autoscaling(min=2, max=5))
    made = recorded(small(services=[GatewayService(name="edge"), scaled]))
    (autoscaler,) = objects(made, "HorizontalPodAutoscaler")
    spec = cast("dict[str, Any]", autoscaler["spec"])
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
