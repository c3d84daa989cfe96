"""Each control of the Pod Security Standards, stated from their page, in each kind of container.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from graph.resource_graph import UNKNOWN
from policies import findings
from tests.policies.corpus import graph_of

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")

IN_A_CONTAINER: list[tuple[str, Any, str]] = [
    ("securityContext.privileged", True, "k8s-pod-001"),
    ("securityContext.windowsOptions.hostProcess", True, "k8s-pod-007"),
    ("securityContext.capabilities.add", ["NET_RAW"], "k8s-pod-006"),
    ("securityContext.capabilities.add", ["CHOWN"], "k8s-pod-013"),
    ("securityContext.capabilities.drop", [], "k8s-pod-013"),
    ("securityContext.capabilities.drop", None, "k8s-pod-013"),
    ("securityContext.procMount", "Unmasked", "k8s-pod-008"),
    ("securityContext.seccompProfile.type", "Unconfined", "k8s-pod-010"),
    ("securityContext.appArmorProfile.type", "Unconfined", "k8s-pod-010"),
    ("securityContext.seLinuxOptions.type", "spc_t", "k8s-pod-010"),
    ("securityContext.seLinuxOptions.user", "system_u", "k8s-pod-010"),
    ("securityContext.seLinuxOptions.role", "sysadm_r", "k8s-pod-010"),
    ("securityContext.allowPrivilegeEscalation", True, "k8s-pod-011"),
    ("securityContext.allowPrivilegeEscalation", None, "k8s-pod-011"),
    ("securityContext.runAsNonRoot", False, "k8s-pod-012"),
    ("securityContext.runAsUser", 0, "k8s-pod-012"),
    ("ports", [{"containerPort": 80, "hostPort": 8080}], "k8s-pod-003"),
    ("livenessProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}, "k8s-pod-016"),
    ("readinessProbe", {"tcpSocket": {"host": "10.0.0.1", "port": 80}}, "k8s-pod-016"),
    ("startupProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}, "k8s-pod-016"),
    ("lifecycle", {"postStart": {"httpGet": {"host": "a", "port": 80}}}, "k8s-pod-016"),
    ("lifecycle", {"preStop": {"tcpSocket": {"host": "a", "port": 80}}}, "k8s-pod-016"),
]
IN_THE_POD: list[tuple[str, Any, str]] = [
    ("hostNetwork", True, "k8s-pod-002"),
    ("hostPID", True, "k8s-pod-002"),
    ("hostIPC", True, "k8s-pod-002"),
    ("securityContext.windowsOptions.hostProcess", True, "k8s-pod-007"),
    ("securityContext.sysctls", [{"name": "net.core.somaxconn", "value": "1"}], "k8s-pod-009"),
    ("securityContext.seccompProfile.type", "Unconfined", "k8s-pod-010"),
    ("securityContext.seccompProfile", None, "k8s-pod-014"),
    ("securityContext.appArmorProfile.type", "Unconfined", "k8s-pod-010"),
    ("securityContext.seLinuxOptions.type", "unconfined_t", "k8s-pod-010"),
    ("securityContext.runAsNonRoot", None, "k8s-pod-012"),
    ("securityContext.runAsUser", 0, "k8s-pod-012"),
    ("volumes", [{"name": "v", "hostPath": {"path": "/models"}}], "k8s-pod-004"),
    ("volumes", [{"name": "v", "hostPath": {"path": "/etc/"}}], "k8s-pod-005"),
    ("volumes", [{"name": "v", "hostPath": {"path": "/srv/../proc"}}], "k8s-pod-005"),
    ("volumes", [{"name": "v", "hostPath": {"path": "/opt/runtime.sock"}}], "k8s-pod-005"),
    *(
        ("volumes", [{"name": "v", kind: {}}], "k8s-pod-015")
        for kind in ("nfs", "iscsi", "awsElasticBlockStore", "gitRepo", "flexVolume", "cephfs")
    ),
]
ALLOWED: list[tuple[str, Any]] = [
    ("securityContext.capabilities.add", ["NET_BIND_SERVICE"]),
    ("securityContext.capabilities.drop", ["NET_RAW", "ALL"]),
    ("securityContext.procMount", "Default"),
    ("securityContext.seccompProfile.type", "Localhost"),
    ("securityContext.appArmorProfile.type", "RuntimeDefault"),
    ("securityContext.seLinuxOptions.type", "container_t"),
    ("securityContext.seLinuxOptions.level", "s0:c1,c2"),
    ("securityContext.runAsUser", 1000),
    ("securityContext.privileged", False),
    ("securityContext.allowPrivilegeEscalation", UNKNOWN),
    ("securityContext.runAsNonRoot", UNKNOWN),
    ("ports", [{"containerPort": 80, "hostPort": 0}]),
    ("livenessProbe", {"httpGet": {"port": 80}}),
]


def restricted() -> dict[str, Any]:
    """A pod that keeps every control."""
    container = {
        "name": "a",
        "image": "a:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [
            {"name": kind, kind: {}}
            for kind in ("configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim")
        ],
        **{kind: [copy.deepcopy(container)] for kind in CONTAINERS},
    }


def changed(inside: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for key in outer:
        inside = inside.setdefault(key, {})
    if value is None:
        inside.pop(last, None)
    else:
        inside[last] = value


def found_in(pod: dict[str, Any], kind: str = "Pod") -> set[str]:
    spec: dict[str, Any]
    match kind:
        case "Pod":
            spec = pod
        case "CronJob":
            spec = {"jobTemplate": {"spec": {"template": {"spec": pod}}}}
        case _:
            spec = {"template": {"metadata": {"labels": {"a": "b"}}, "spec": pod}}
    inputs = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "p", "namespace": "of-another-program"},
        "spec": spec,
    }
    graph = graph_of({"type": f"kubernetes:core/v1:{kind}", "inputs": inputs})
    return {one.rule for one in findings(graph) if one.rule.startswith("k8s-")}


def test_a_pod_that_keeps_every_control_passes():
    assert found_in(restricted()) == set()


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize(("path", "value", "rule"), IN_A_CONTAINER)
def test_a_control_of_a_container_is_held(path: str, value: Any, rule: str, kind: str):
    pod = restricted()
    changed(pod[kind][0], path, value)
    assert rule in found_in(pod)


@pytest.mark.parametrize(("path", "value", "rule"), IN_THE_POD)
def test_a_control_of_the_pod_is_held(path: str, value: Any, rule: str):
    pod = restricted()
    changed(pod, path, value)
    assert rule in found_in(pod)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("securityContext.seccompProfile", UNKNOWN),
        ("securityContext.runAsNonRoot", UNKNOWN),
        ("securityContext.sysctls", [{"name": UNKNOWN, "value": "1"}]),
        ("securityContext.sysctls", [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
        ("hostNetwork", False),
        ("volumes", UNKNOWN),
    ],
)
def test_what_the_standard_allows_in_a_pod_passes(path: str, value: Any):
    pod = restricted()
    changed(pod, path, value)
    assert found_in(pod) == set()


@pytest.mark.parametrize(
    ("annotation", "value", "rules"),
    [
        ("container.apparmor.security.beta.kubernetes.io/a", "unconfined", {"k8s-pod-010"}),
        ("container.apparmor.security.beta.kubernetes.io/a", "runtime/default", set[str]()),
        ("container.apparmor.security.beta.kubernetes.io/a", "localhost/mine", set[str]()),
        ("example.com/profile", "unconfined", set[str]()),
    ],
)
def test_the_old_annotation_of_apparmor_is_read(annotation: str, value: str, rules: set[str]):
    metadata = {"name": "p", "namespace": "of-another", "annotations": {annotation: value}}
    inputs = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": restricted()}
    graph = graph_of({"type": "kubernetes:core/v1:Pod", "inputs": inputs})
    assert {one.rule for one in findings(graph) if one.rule.startswith("k8s-")} == rules


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize(("path", "value"), ALLOWED)
def test_what_the_standard_allows_passes(path: str, value: Any, kind: str):
    pod = restricted()
    changed(pod[kind][0], path, value)
    assert found_in(pod) == set()


@pytest.mark.parametrize(
    "kind",
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "PodTemplate"],
)
def test_the_pods_of_every_kind_of_workload_are_read(kind: str):
    pod = restricted()
    assert found_in(pod, kind) == set()
    pod["containers"][0]["securityContext"] = {}
    assert found_in(pod, kind) >= {"k8s-pod-011", "k8s-pod-013"}


def test_a_container_may_say_what_its_pod_does_not():
    pod = restricted()
    pod["securityContext"] = {}
    assert found_in(pod) == {"k8s-pod-012", "k8s-pod-014"}
    for kind in CONTAINERS:
        changed(pod[kind][0], "securityContext.runAsNonRoot", True)
        changed(pod[kind][0], "securityContext.seccompProfile.type", "RuntimeDefault")
    assert found_in(pod) == set()


def test_what_a_custom_resource_leaves_out_may_be_added_by_its_operator():
    inputs: dict[str, Any] = {
        "apiVersion": "acme.example.com/v1",
        "kind": "Runner",
        "metadata": {"name": "r"},
        "spec": {"pods": [{"spec": {"containers": [{"name": "a", "image": "a:1"}]}}]},
    }
    graph = graph_of({"type": "kubernetes:acme.example.com/v1:Runner", "inputs": inputs})
    assert [one.rule for one in findings(graph) if one.rule.startswith("k8s-")] == []
    changed(inputs["spec"]["pods"][0]["spec"], "hostPID", True)
    graph = graph_of({"type": "kubernetes:acme.example.com/v1:Runner", "inputs": inputs})
    assert {one.rule for one in findings(graph)} >= {"k8s-pod-002"}
