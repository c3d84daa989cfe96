"""KEDA and the platform's own Prometheus: who may connect, and with which login."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from graph.resource_graph import ResourceGraph
from policies import findings
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, recorded

MONITORING: Final = "qudag-mcp-dev-monitoring"
PROMETHEUS: Final = Endpoint.pod(MONITORING, app="prometheus")
SECTIONS: Final[dict[str, Any]] = {
    "topology": "microservices",
    "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
    "kubernetes": {"apiServer": ["10.96.0.1/32"]},
    "scaling": {"mcp-core": {"min": 2, "max": 4, "metrics": {"mcp_open_streams": 5}}},
    "observability": {
        "kind": "standalone",
        "standalone": {"login": "prometheus-login", "keda": {}, "grafana": {}},
    },
}


@cache
def stack() -> ResourceGraph:
    return recorded(SECTIONS)


def test_kedas_operator_and_grafana_may_connect_to_prometheus_and_no_other_pod():
    cluster = Enforcement(objects(stack(), "NetworkPolicy"))

    def allowed(namespace: str, **labels: str) -> bool:
        return cluster.allows(Endpoint.pod(namespace, **labels), PROMETHEUS, "TCP", 9090)

    assert allowed("keda", app="keda-operator")
    assert allowed(MONITORING, app="grafana")
    assert not allowed("keda", app="keda-operator-metrics-apiserver")
    assert not allowed("default", app="keda-operator")
    assert not allowed("qudag-mcp-dev", app="mcp-core")
    keda = Endpoint.pod("keda", app="keda-operator")
    others = [
        one.name
        for one in pods(stack())
        for _, port in one.ports
        if cluster.allows(
            keda, Endpoint(one.owner.inputs["metadata"]["namespace"], one.labels), "TCP", port
        )
    ]
    assert others == ["prometheus"]


def test_keda_logs_in_at_the_name_of_its_certificate_with_the_authority_that_signed_it():
    (scaled,) = objects(stack(), "ScaledObject")
    (access,) = objects(stack(), "TriggerAuthentication")
    trigger = scaled["spec"]["triggers"][-1]
    assert trigger["metadata"]["serverAddress"] == (
        f"https://prometheus-service.{MONITORING}.svc:9090"
    )
    assert trigger["metadata"]["authModes"] == "basic"
    assert trigger["authenticationRef"]["name"] == access["metadata"]["name"]
    keys = {
        one["parameter"]: (one["name"], one["key"]) for one in access["spec"]["secretTargetRef"]
    }
    assert keys == {
        "username": ("prometheus-login", "username"),
        "password": ("prometheus-login", "password"),
        "ca": ("mcp-internal-ca", "ca.crt"),
    }
    required = {
        (one["namespace"], one["name"]): set(one["keys"])
        for one in stack().outputs["required_secrets"]
    }
    assert required["qudag-mcp-dev", "prometheus-login"] == {"username", "password"}
    assert required[MONITORING, "prometheus-login"] == {"username", "password", "web.yml"}
    names = next(
        one["dns_names"]
        for one in stack().outputs["required_secrets"]
        if one["name"] == "mcp-internal-tls-prometheus"
    )
    assert f"prometheus-service.{MONITORING}.svc" in names


def test_its_objects_break_no_rule():
    made = {one.urn for one in stack().resources if "prometheus" in one.urn}
    assert len(made) > 5
    assert [one for one in findings(stack()) if one.urn in made] == []
