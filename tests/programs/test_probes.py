"""Probes of the gateway: who may send them, and where to."""

from __future__ import annotations

from functools import cache
from typing import Final

from graph.resource_graph import ResourceGraph
from policies import findings
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, recorded

MONITORING: Final = "qudag-mcp-dev-monitoring"
EXPORTER: Final = Endpoint.pod(MONITORING, app="blackbox-exporter")


@cache
def stack() -> ResourceGraph:
    return recorded(
        {
            "topology": "microservices",
            "domain": "mcp.example.com",
            "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {
                "kind": "standalone",
                "standalone": {"probes": {"authority": {"secret": "edge-ca", "key": "root.crt"}}},
            },
        }
    )


def connections(cluster: Enforcement) -> set[tuple[str, str, int]]:
    """Which pods may connect to which, of those with the exporter at one end."""
    found: set[tuple[str, str, int]] = set()
    for each in pods(stack()):
        end = Endpoint(each.owner.inputs["metadata"]["namespace"], each.labels)
        if cluster.allows(end, EXPORTER, "TCP", 9115):
            found.add((each.name, "blackbox-exporter", 9115))
        for _, port in each.ports:
            if cluster.allows(EXPORTER, end, "TCP", port):
                found.add(("blackbox-exporter", each.name, port))
    return found


def test_prometheus_alone_tells_it_what_to_ask_and_it_asks_the_gateway_alone():
    cluster = Enforcement(objects(stack(), "NetworkPolicy"))
    assert connections(cluster) == {
        ("prometheus", "blackbox-exporter", 9115),
        ("blackbox-exporter", "mcp-gateway", 8443),
    }
    for address in ("198.51.100.1", "10.96.0.1"):
        assert not cluster.leaves(EXPORTER, Endpoint.address(address), "TCP", 443)


def test_its_secrets_are_required_in_its_namespace():
    wanted = {
        (one["name"], tuple(one["keys"]))
        for one in stack().outputs["required_secrets"]
        if one["namespace"] == MONITORING
    }
    assert {
        ("edge-ca", ("root.crt",)),
        ("mcp-internal-tls-blackbox-exporter", ("tls.crt", "tls.key")),
    } <= wanted


def test_its_objects_break_no_rule():
    made = {one.urn for one in stack().resources if "blackbox-exporter" in one.urn}
    assert len(made) > 2
    assert [one for one in findings(stack()) if one.urn in made] == []
