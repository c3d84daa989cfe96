"""LockedNamespace: nothing gets in that no one declared."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.namespace import ContainerLimits, LockedNamespace, LockedNamespaceArgs
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import objects

MODES = ("enforce", "audit", "warn")


def namespace(**args: Any) -> ResourceGraph:
    given: dict[str, Any] = {"name": "qudag-mcp-dev"}
    return record(lambda: LockedNamespace("core", LockedNamespaceArgs(**given | args)))


def labels(graph: ResourceGraph) -> dict[str, str]:
    return objects(graph, "Namespace")[0]["metadata"]["labels"]


@pytest.mark.parametrize("mode", MODES)
def test_the_default_pod_security_standard_is_restricted(mode: str):
    assert labels(namespace())[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    looser = labels(namespace(pod_security="baseline"))
    assert looser[f"pod-security.kubernetes.io/{mode}"] == "baseline"


@pytest.mark.parametrize("mode", MODES)
def test_the_version_of_the_pod_security_standard_is_pinned(mode: str):
    given = labels(namespace(pod_security_version="v1.33"))
    assert given[f"pod-security.kubernetes.io/{mode}-version"] == "v1.33"


def test_no_label_of_the_caller_can_lift_the_standard():
    lifted = namespace(labels={"team": "a", "pod-security.kubernetes.io/enforce": "privileged"})
    assert labels(lifted)["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels(lifted)["team"] == "a"


def test_every_flow_is_denied_in_both_directions():
    (policy,) = objects(namespace(), "NetworkPolicy")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert policy["metadata"]["namespace"] == "qudag-mcp-dev"


def test_no_quota_object_without_a_quota():
    assert objects(namespace(), "ResourceQuota") == []
    (quota,) = objects(namespace(quota={"pods": "10"}), "ResourceQuota")
    assert quota["spec"]["hard"] == {"pods": "10"}


def test_a_container_that_asks_for_nothing_gets_something():
    assert objects(namespace(), "LimitRange") == []
    limits = ContainerLimits(default_request={"cpu": "60m"})
    (limit_range,) = objects(namespace(container_limits=limits), "LimitRange")
    (bounds,) = limit_range["spec"]["limits"]
    assert bounds["defaultRequest"] == {"cpu": "60m"}
    assert bounds["default"] == {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"}


def test_a_pod_without_an_account_of_its_own_gets_no_token():
    account = namespace().one("kubernetes:core/v1:ServiceAccountPatch").inputs
    assert account["kind"] == "ServiceAccount"
    assert account["metadata"] == {"name": "default", "namespace": "qudag-mcp-dev"}
    assert account["automountServiceAccountToken"] is False


def test_a_standard_that_kubernetes_does_not_have_is_refused():
    with pytest.raises(ProblemReport, match="podSecurity"):
        record(lambda: LockedNamespace("core", {"name": "core", "podSecurity": "none"}))
