"""Issuers in a stack file: with a port, in the cluster, with a private authority, and several."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from graph.programs import record_files
from graph.resource_graph import ResourceGraph
from graph.stack_files import StackFiles, read_stack_files
from runtime.auth_config import AuthSection
from tests.harness.containers import ROOT
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement

KEYS = "https://login.example.com:8443/jwks?appid=0a1b"
SECOND = {"issuer": "https://second.example.com", "jwksUrl": "https://second.example.com/jwks"}
PODS = {"namespace": "keycloak", "labels": {"app": "keycloak"}, "port": 8444}
ISSUER, ISSUER_POD = Endpoint.address("203.0.113.9"), Endpoint.pod("keycloak", app="keycloak")


@cache
def _staging() -> StackFiles:
    return read_stack_files(ROOT, "staging")


def staging(**sections: Mapping[str, Any]) -> ResourceGraph:
    """Staging with some keys of some sections set otherwise."""
    files = _staging()
    config = dict(files.config)
    for section, keys in sections.items():
        written = json.loads(config.get(f"qudag-mcp:{section}", "{}"))
        config[f"qudag-mcp:{section}"] = json.dumps(written | dict(keys))
    changed = StackFiles.from_json(json.dumps({**json.loads(files.to_json()), "config": config}))
    return record_files(ROOT, changed)


@pytest.fixture(scope="module")
def graph() -> ResourceGraph:
    return staging(
        protocol={
            "jwksUrl": KEYS,
            "additionalIssuers": [SECOND],
            "additionalAudiences": ["api://qudag"],
            "requiredScopes": ["mcp:tools"],
            "accessTokensOnly": True,
            "clockSkewSeconds": 30,
            "jwksMaxAgeSeconds": 60,
        },
        network={"issuer": ["203.0.113.0/24"], "issuerPods": PODS},
        secrets={"issuerCa": "issuer-authority"},
    )


def test_egress_to_the_issuer_is_limited_to_its_ports_and_pods(graph: ResourceGraph):
    enforced = Enforcement(objects(graph, "NetworkPolicy"))
    server = next(found for found in pods(graph) if found.name == "mcp-core")
    source = Endpoint.pod(graph.outputs["namespace"], **server.labels)
    ports = (443, 8080, 8443, 8444)
    to_networks = [port for port in ports if enforced.leaves(source, ISSUER, "TCP", port)]
    to_pods = [port for port in ports if enforced.leaves(source, ISSUER_POD, "TCP", port)]
    stranger = Endpoint.pod("keycloak", app="other")
    assert to_networks == [443, 8443]
    assert to_pods == [8444]
    assert not any(enforced.leaves(source, stranger, "TCP", port) for port in ports)


def test_every_server_has_the_token_settings_of_the_stack_file(graph: ResourceGraph):
    files = [
        data["server.toml"]
        for data in (one.inputs["data"] for one in graph.all("kubernetes:core/v1:ConfigMap"))
        if "server.toml" in data
    ]
    assert len(files) == 8
    for file in files:
        auth = AuthSection.model_validate(tomllib.loads(file)["auth"])
        assert auth.jwks_url == KEYS
        assert [(i.issuer, i.jwks_url) for i in auth.additional_issuers] == [
            (SECOND["issuer"], SECOND["jwksUrl"])
        ]
        assert auth.additional_audiences == ("api://qudag",)
        assert auth.required_scopes == ("mcp:tools",)
        assert (auth.access_tokens_only, auth.clock_skew_seconds) == (True, 30)
        assert auth.jwks_max_age_seconds == 60
        assert str(auth.jwks_ca_file) == "/etc/issuer-ca/ca.crt"


def test_the_authority_of_the_issuer_is_mounted_and_required(graph: ResourceGraph):
    required = {secret["name"]: secret for secret in graph.outputs["required_secrets"]}
    assert required["issuer-authority"]["kind"] == "given"
    [core] = [found for found in pods(graph) if found.name == "mcp-core"]
    spec = json.dumps(core.spec)
    assert '"issuer-authority"' in spec
    assert '"/etc/issuer-ca"' in spec
