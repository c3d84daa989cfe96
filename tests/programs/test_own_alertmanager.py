"""The platform's own Alertmanager: what it mounts, and what it may connect to."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

from components.kubernetes.egress_proxy import proxy_ports
from graph.resource_graph import ResourceGraph
from policies import findings
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, recorded

PLATFORM: Final = "qudag-mcp-dev"
MONITORING: Final = f"{PLATFORM}-monitoring"
API_SERVER: Final = ["10.96.0.1/32", "192.0.2.10/32"]
ALERTMANAGER: Final = Endpoint.pod(MONITORING, app="alertmanager")
ALERTS: Final = {
    "receivers": [
        {"name": "on-call", "pagerduty": {"key": {"secret": "told", "key": "pagerduty"}}},
        {"name": "chat", "slack": {"channel": "#a", "url": {"secret": "told", "key": "slack"}}},
        {
            "name": "mail",
            "email": {
                "to": "a@example.com",
                "sender": "b@example.com",
                "smarthost": "mx.example.com:587",
                "username": "b",
                "password": {"secret": "smtp", "key": "password"},
            },
        },
    ],
    "deadMansSwitch": {"url": {"secret": "told", "key": "switch"}},
}
EGRESS: Final = {"hosts": ["hc.example.com:443"], "networks": ["192.0.2.25/32:587"]}


@cache
def stack(host_egress: str = "proxy") -> ResourceGraph:
    network: dict[str, Any] = {k: v for k, v in NETWORK.items() if k != "prometheus"}
    if host_egress != "proxy":
        network["hostEgress"] = host_egress
    return recorded(
        {
            "topology": "monolith",
            "network": network,
            "kubernetes": {"apiServer": API_SERVER},
            "observability": {
                "kind": "standalone",
                "alerts": ALERTS,
                "standalone": {"alertmanager": {"egress": EGRESS}},
            },
        }
    )


def file(graph: ResourceGraph) -> dict[str, Any]:
    (found,) = [
        one["data"]["alertmanager.yml"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "alertmanager-config"
    ]
    return json.loads(found)


def named_files(graph: ResourceGraph) -> set[str]:
    """The values of all fields of the file that name a file."""
    return set(re.findall(r'_file": "([^"]+)"', json.dumps(file(graph))))


def test_each_secret_of_a_receiver_is_a_file_that_is_mounted():
    graph = stack()
    (pod,) = [one for one in pods(graph) if one.name == "alertmanager"]
    of_secrets = {one["name"]: one["secret"] for one in pod.spec["volumes"] if "secret" in one}
    mounted = {
        f"{mount['mountPath']}/{item['path']}"
        for mount in pod.container("alertmanager")["volumeMounts"]
        if mount["name"] in of_secrets
        for item in of_secrets[mount["name"]]["items"]
    }
    folder = "/etc/alertmanager-secrets"
    assert named_files(graph) == {
        *(f"{folder}/told/{key}" for key in ("pagerduty", "slack", "switch")),
        f"{folder}/smtp/password",
    }
    assert named_files(graph) <= mounted


def test_only_prometheus_may_connect_to_it():
    graph = stack()
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    callers = {
        one.name
        for one in pods(graph)
        if cluster.allows(
            Endpoint(one.owner.inputs["metadata"]["namespace"], one.labels),
            ALERTMANAGER,
            "TCP",
            9093,
        )
    }
    assert callers == {"prometheus"}


def test_it_reaches_the_proxy_the_mail_server_and_nothing_else():
    graph = stack()
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    own = proxy_ports(["alertmanager"])["alertmanager"]
    reached = {
        (one.name, port)
        for one in pods(graph)
        for _, port in one.ports
        if cluster.allows(
            ALERTMANAGER,
            Endpoint(one.owner.inputs["metadata"]["namespace"], one.labels),
            "TCP",
            port,
        )
    }
    assert reached == {("egress-proxy", own)}
    assert cluster.leaves(ALERTMANAGER, Endpoint.address("192.0.2.25"), "TCP", 587)
    for address, port in (("192.0.2.25", 25), ("198.51.100.1", 443), ("10.96.0.1", 443)):
        assert not cluster.leaves(ALERTMANAGER, Endpoint.address(address), "TCP", port)
    client = file(graph)["global"]["http_config"]
    assert client == {
        "proxy_url": f"http://egress-proxy-service.{PLATFORM}.svc:{own}",
        "no_proxy": "192.0.2.25/32",
    }


def test_the_proxy_passes_on_to_the_hosts_of_its_receivers():
    (text,) = [
        text
        for one in objects(stack(), "ConfigMap")
        for text in one["data"].values()
        if "listeners" in text
    ]
    for host in ("events.pagerduty.com:443", "hooks.slack.com:443", "hc.example.com:443"):
        assert host in text


def test_with_cilium_it_connects_to_these_hosts_itself():
    graph = stack("cilium")
    (policy,) = objects(graph, "CiliumNetworkPolicy")
    assert policy["metadata"]["namespace"] == MONITORING
    text = json.dumps(policy["spec"])
    assert all(host in text for host in ("events.pagerduty.com", "hooks.slack.com"))
    assert "global" not in file(graph)
    assert not [one for one in pods(graph) if one.name == "egress-proxy"]


def test_its_secrets_are_required_in_its_namespace():
    wanted = {
        (one["name"], tuple(one["keys"]))
        for one in stack().outputs["required_secrets"]
        if one["namespace"] == MONITORING
    }
    assert {
        ("told", ("pagerduty", "slack", "switch")),
        ("smtp", ("password",)),
        ("mcp-internal-tls-alertmanager", ("tls.crt", "tls.key")),
        ("mcp-internal-ca", ("ca.crt",)),
    } <= wanted


def test_its_objects_break_no_rule():
    graph = stack()
    made = {one.urn for one in graph.resources if "alertmanager" in one.urn}
    assert len(made) > 3
    assert [one for one in findings(graph) if one.urn in made] == []
