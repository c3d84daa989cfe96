"""A stack whose people sign in to Grafana at the issuer: flows, files and Secrets."""

from __future__ import annotations

import configparser
import json
import re
from functools import cache
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from policies import findings
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import NETWORK, recorded

pytestmark = pytest.mark.slow
MONITORING: Final = "qudag-mcp-dev-monitoring"
GRAFANA: Final = Endpoint.pod(MONITORING, app="grafana")
ISSUER: Final = Endpoint.address("198.51.100.7")
SIGN_IN: Final[dict[str, Any]] = {
    "authorizationUrl": "https://login.example.com/authorize",
    "tokenUrl": "https://login.example.com/token",
    "userInfoUrl": "https://login.example.com/userinfo",
    "clientId": "grafana",
    "clientSecret": {"secret": "grafana-client", "key": "secret"},
    "roles": {"admins": ["ops"], "viewers": ["mcp"]},
    "url": "https://grafana.example.com",
    "ca": {"secret": "issuer-ca", "key": "ca.crt"},
}


@cache
def stack(*, signed_in: bool = True) -> ResourceGraph:
    shown = {"signIn": SIGN_IN} if signed_in else {}
    return recorded(
        {
            "topology": "microservices",
            "network": {
                **{k: v for k, v in NETWORK.items() if k != "prometheus"},
                "issuer": ["198.51.100.0/24"],
            },
            "protocol": {"jwksUrl": "https://login.example.com/keys"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {"kind": "standalone", "standalone": {"grafana": shown}},
        }
    )


def pod(graph: ResourceGraph) -> Pods:
    (found,) = [one for one in pods(graph) if one.name == "grafana"]
    return found


def ini(graph: ResourceGraph) -> configparser.ConfigParser:
    (text,) = [
        one["data"]["grafana.ini"]
        for one in objects(graph, "ConfigMap")
        if "grafana.ini" in one["data"]
    ]
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(text)
    return read


def mounted(graph: ResourceGraph) -> dict[str, tuple[str, str]]:
    """The Secret and key of each file that Grafana sees, by its path."""
    volumes = {one["name"]: one["secret"] for one in pod(graph).spec["volumes"] if "secret" in one}
    return {
        f"{mount['mountPath']}/{item['path']}": (
            volumes[mount["name"]]["secretName"],
            item["key"],
        )
        for mount in pod(graph).container("grafana")["volumeMounts"]
        if mount["name"] in volumes
        for item in volumes[mount["name"]]["items"]
    }


def required(graph: ResourceGraph) -> dict[str, list[str]]:
    return {
        one["name"]: one["keys"]
        for one in graph.outputs["required_secrets"]
        if one["namespace"] == MONITORING
    }


def test_grafana_may_connect_to_the_issuer_at_the_port_of_its_keys_and_only_with_a_sign_in():
    with_it, without = (
        Enforcement(objects(stack(signed_in=one), "NetworkPolicy")) for one in (True, False)
    )
    assert with_it.leaves(GRAFANA, ISSUER, "TCP", 443)
    assert not without.leaves(GRAFANA, ISSUER, "TCP", 443)
    assert not with_it.leaves(GRAFANA, ISSUER, "TCP", 8443)
    assert not with_it.leaves(GRAFANA, Endpoint.address("203.0.113.9"), "TCP", 443)


def test_every_file_that_its_configuration_names_is_mounted_and_no_other_secret():
    graph, read = stack(), ini(stack())
    oauth = read["auth.generic_oauth"]
    text = json.dumps(objects(graph, "ConfigMap"))
    named = {
        *re.findall(r"\$__file\{([^}]+)\}", text),
        *(read["server"]["cert_file"], read["server"]["cert_key"], oauth["tls_client_ca"]),
    }
    files = mounted(graph)
    assert named == set(files)
    secret = oauth["client_secret"].removeprefix("$__file{").removesuffix("}")
    assert files[secret] == ("grafana-client", "secret")
    assert files[oauth["tls_client_ca"]] == ("issuer-ca", "ca.crt")
    assert oauth["auth_url"] == SIGN_IN["authorizationUrl"]
    assert read["server"]["root_url"] == "https://grafana.example.com/"


def test_the_password_of_admin_is_required_only_without_a_sign_in():
    assert required(stack())["mcp-grafana"] == ["secret-key"]
    assert required(stack(signed_in=False))["mcp-grafana"] == ["password", "secret-key"]
    assert required(stack())["grafana-client"] == ["secret"]
    assert required(stack())["issuer-ca"] == ["ca.crt"]
    assert {"grafana-client", "issuer-ca"}.isdisjoint(required(stack(signed_in=False)))


def test_its_objects_break_no_rule():
    made = {one.urn for one in stack().resources if "grafana" in one.urn}
    assert [one for one in findings(stack()) if one.urn in made] == []
