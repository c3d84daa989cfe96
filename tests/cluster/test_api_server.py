"""The API server of these tests refuses what a cluster refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.harness.apiserver import ApiServer

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: restricted}}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s}
spec:
  containers: [{name: only, image: "nothing.invalid/only:1", securityContext: %s}]
"""
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def namespace(server: ApiServer, name: str) -> str:
    """A namespace that enforces the restricted standard, with its default account made."""
    made = server.create(NAMESPACE % name)
    assert made.returncode == 0, made.stderr
    account = server.kubectl("-n", name, "wait", "--for=create", "sa/default", "--timeout=30s")
    assert account.returncode == 0, account.stderr
    return name


def pod(name: str, namespace: str, security: Mapping[str, object]) -> str:
    """A pod with this security context."""
    return POD % (name, namespace, json.dumps(security))


def test_a_field_that_no_schema_knows_is_refused(api_server: ApiServer) -> None:
    bad = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: typo}\ndatta: {a: "1"}\n'
    refused = api_server.create(bad)
    assert refused.returncode != 0
    assert 'unknown field "datta"' in refused.stderr


def test_a_pod_below_the_restricted_standard_is_refused(api_server: ApiServer) -> None:
    name = namespace(api_server, "restricted")
    refused = api_server.create(pod("careless", name, {}))
    assert refused.returncode != 0
    assert 'violates PodSecurity "restricted' in refused.stderr


def test_a_pod_that_meets_the_restricted_standard_is_admitted(api_server: ApiServer) -> None:
    name = namespace(api_server, "admitted")
    admitted = api_server.create(pod("careful", name, RESTRICTED))
    assert admitted.returncode == 0, admitted.stderr


def test_a_quota_is_held(api_server: ApiServer) -> None:
    name = namespace(api_server, "quota")
    api_server.kubectl("-n", name, "create", "quota", "one", "--hard=configmaps=2")
    counted = "jsonpath={.status.used.configmaps}=1"  # each namespace holds the cluster's authority
    api_server.kubectl("-n", name, "wait", f"--for={counted}", "quota/one", "--timeout=30s")
    first, second = (
        api_server.kubectl("-n", name, "create", "configmap", letter) for letter in "ab"
    )
    assert first.returncode == 0, first.stderr
    assert "exceeded quota" in second.stderr


@pytest.mark.parametrize(
    "crd",
    ["httproutes.gateway.networking.k8s.io", "externalsecrets.external-secrets.io"],
)
def test_the_operators_types_are_known(api_server_with_crds: ApiServer, crd: str) -> None:
    state = api_server_with_crds.kubectl("wait", "--for=condition=Established", f"crd/{crd}")
    assert state.returncode == 0, state.stderr
