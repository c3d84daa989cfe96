"""Probes of the gateway: who may send them, and where to."""

from __future__ import annotations

import json
import re
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
            "network": {
                **{k: v for k, v in NETWORK.items() if k != "prometheus"},
                "issuer": ["198.51.100.0/24"],
            },
            "protocol": {"jwksUrl": "https://login.example.com:8443/keys"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {
                "kind": "standalone",
                "standalone": {
                    "probes": {
                        "ca": {"secret": "edge-ca", "key": "root.crt"},
                        "token": {
                            "url": "https://login.example.com:8443/token",
                            "clientId": "mcp-probe",
                            "clientSecret": {"secret": "mcp-probe", "key": "secret"},
                            "ca": {"secret": "mcp-internal-ca", "key": "ca.crt"},
                        },
                        "tool": {"name": "echo", "arguments": {"text": "a"}, "answer": "a"},
                    }
                },
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
    for address in ("203.0.113.1", "10.96.0.1"):
        assert not cluster.leaves(EXPORTER, Endpoint.address(address), "TCP", 443)


def test_it_gets_tokens_from_the_issuer_alone_at_the_port_of_its_keys():
    cluster = Enforcement(objects(stack(), "NetworkPolicy"))
    issuer = Endpoint.address("198.51.100.1")
    assert cluster.leaves(EXPORTER, issuer, "TCP", 8443)
    assert not cluster.leaves(EXPORTER, issuer, "TCP", 443)


def test_no_module_follows_a_redirect_or_goes_without_tls():
    """A redirect would lead to another address, which may answer in place of the platform."""
    (made,) = [
        json.loads(one["data"]["blackbox.yml"])
        for one in objects(stack(), "ConfigMap")
        if "blackbox.yml" in one["data"]
    ]
    assert set(made["modules"]) == {"unauthorized", "metadata", "discovery", "tool-call"}
    for module in made["modules"].values():
        assert module["http"]["follow_redirects"] is False
        assert module["http"]["fail_if_not_ssl"] is True


def test_every_file_that_its_modules_name_is_mounted():
    (pod,) = [one for one in pods(stack()) if one.name == "blackbox-exporter"]
    of_secrets = {one["name"]: one["secret"] for one in pod.spec["volumes"] if "secret" in one}
    mounted = {
        f"{mount['mountPath']}/{item['path']}"
        for mount in pod.container("blackbox-exporter")["volumeMounts"]
        if mount["name"] in of_secrets
        for item in of_secrets[mount["name"]]["items"]
    }
    (files,) = [
        one["data"]
        for one in objects(stack(), "ConfigMap")
        if one["metadata"]["name"] == "blackbox-exporter-config"
    ]
    named = set(re.findall(r'_file": "([^"]+)"', "".join(files.values())))
    assert named == mounted


def test_its_secrets_are_required_in_its_namespace():
    wanted = {
        (one["name"], tuple(one["keys"]))
        for one in stack().outputs["required_secrets"]
        if one["namespace"] == MONITORING
    }
    assert {
        ("edge-ca", ("root.crt",)),
        ("mcp-probe", ("secret",)),
        ("mcp-internal-tls-blackbox-exporter", ("tls.crt", "tls.key")),
    } <= wanted


def test_its_objects_break_no_rule():
    made = {one.urn for one in stack().resources if "blackbox-exporter" in one.urn}
    assert len(made) > 2
    assert [one for one in findings(stack()) if one.urn in made] == []
