"""Causes are told in the order in which one explains the other, from what a cluster says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from delivery.diagnosis import causes
from delivery.diagnosis.cause import Rank
from delivery.diagnosis.evidence import KINDS, Evidence
from delivery.diagnosis.object_causes import quantity
from delivery.diagnosis.secret_causes import from_secrets
from delivery.local_secrets import RequiredSecret
from tests.harness.faults import certificate

PASSWORDS = RequiredSecret(namespace="mcp", name="passwords", kind="passwords", keys=("password",))
TLS = RequiredSecret(
    namespace="mcp",
    name="tls",
    kind="certificate",
    keys=("tls.crt", "tls.key"),
    dns_names=("mcp.example.com",),
)
NOW = datetime.now(UTC)


def workload(replicas: int, app: str = "server") -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": app}}}
    return thing("Deployment", "server", spec={"replicas": replicas, "template": template})


def thing(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": "mcp"}, **fields}


def pod(name: str = "server-1", **status: Any) -> dict[str, Any]:
    container = {"name": "server", "ready": False, "restartCount": 0, **status}
    return thing("Pod", name, status={"containerStatuses": [container]}, spec={"containers": []})


SERVICE = thing("Service", "server", spec={"selector": {"app": "server"}})


def evidence(**fields: Any) -> Evidence:
    return Evidence(["mcp"], **fields)


def said(found: Evidence) -> list[tuple[Rank, str]]:
    return [(cause.rank, f"{cause.problem.path}: {cause.problem.what}") for cause in causes(found)]


def test_nothing_is_wrong_with_what_is_well():
    well = evidence(
        keys={PASSWORDS.reference: frozenset({"password"})},
        required=[PASSWORDS],
        objects={"pods": [pod(ready=True, state={"running": {}})]},
    )
    assert causes(well) == []


def test_an_absent_secret_comes_before_what_it_causes():
    found = evidence(
        required=[PASSWORDS],
        keys={PASSWORDS.reference: None},
        objects={
            "pods": [pod(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=ended(1))],
            "services": [SERVICE],
        },
        logs={("mcp", "server-1", "server"): "connection refused\n"},
    )
    ranks = [rank for rank, _ in said(found)]
    assert ranks == sorted(ranks)
    assert said(found)[0] == (Rank.SECRET, "Secret/mcp/passwords: it is absent")
    assert {Rank.CHANGED, Rank.IN_LOG, Rank.ENDED} <= set(ranks)


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


@pytest.mark.parametrize(
    ("status", "rank", "what"),
    [
        ({"state": {"waiting": {"reason": "ErrImagePull"}}}, Rank.IMAGE, "cannot be pulled"),
        ({"state": {"waiting": {"reason": "InvalidImageName"}}}, Rank.IMAGE, "cannot be pulled"),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "no key"}}},
            Rank.SECRET,
            "absent: no key",
        ),
        (
            {"state": {"waiting": {"reason": "RunContainerError", "message": "no such file"}}},
            Rank.ENDED,
            "it cannot be started: no such file",
        ),
        ({"lastState": ended(137, "OOMKilled"), "restartCount": 1}, Rank.ENDED, "(1 restart)"),
        ({"lastState": ended(2), "restartCount": 4}, Rank.ENDED, "it ended with 2 (4 restarts)"),
        ({"state": {"running": {}}}, Rank.UNREADY, "it runs and is not ready"),
    ],
)
def test_a_container_says_why_it_does_not_serve(status: dict[str, Any], rank: Rank, what: str):
    [(found, text)] = said(evidence(objects={"pods": [pod(**status)]}))
    assert found is rank
    assert what in text


@pytest.mark.parametrize(
    ("images", "fix"),
    [
        (frozenset[str](), "check images in the stack file"),
        (frozenset({"ghcr.io/acme/server:1"}), "check images in the stack file"),
        (frozenset({"ghcr.io/acme/server:2"}), "kubectl rollout undo"),
    ],
)
def test_an_image_that_the_stack_does_not_have_was_changed_in_the_cluster(
    images: frozenset[str], fix: str
):
    """As by kubectl set image: the stack file is right, and make up stops at the change."""
    status: dict[str, Any] = {
        "state": {"waiting": {"reason": "ErrImagePull"}},
        "image": "ghcr.io/acme/server:1@sha256:1a",
    }
    [cause] = causes(evidence(objects={"pods": [pod(**status)]}, images=images))
    assert fix in cause.problem.fix


def test_one_restart_of_a_container_that_serves_is_no_cause():
    once = pod(ready=True, restartCount=1, state={"running": {}}, lastState=ended(1))
    assert said(evidence(objects={"pods": [once]})) == []
    often = pod(ready=True, restartCount=9, state={"running": {}}, lastState=ended(1))
    assert [rank for rank, _ in said(evidence(objects={"pods": [often]}))] == [Rank.ENDED]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('FATAL:  password authentication failed for user "qudag"', "refuses the password"),
        ("ssl.SSLCertVerificationError: certificate verify failed", "refuses the certificate"),
        ("PANIC:  could not write: No space left on device", "its volume is full"),
        ('nginx: [emerg] unknown directive "x"', "refuses its configuration"),
        ("[Errno -2] Name or service not known", "cannot resolve a name"),
        ("connect() failed (111: Connection refused)", "does not accept connections"),
    ],
)
def test_a_log_says_why_a_container_is_not_ready(line: str, what: str):
    talking = evidence(
        objects={"pods": [pod(state={"running": {}})]},
        logs={("mcp", "server-1", "server"): f"starting\n{line}\n"},
    )
    [(rank, text), *_] = said(talking)
    assert rank is Rank.IN_LOG
    assert what in text
    assert line in text


def test_old_errors_in_the_log_of_a_ready_container_are_no_cause():
    ready = pod(ready=True, state={"running": {}})
    logs = {("mcp", "server-1", "server"): "connection refused"}
    assert said(evidence(objects={"pods": [ready]}, logs=logs)) == []


@pytest.mark.parametrize(
    ("days", "names", "rank", "what"),
    [
        (-1, "mcp.example.com", Rank.CERTIFICATE, "its validity ended on"),
        (5, "mcp.example.com", Rank.WARNING, "its validity ends on"),
        (300, "other.example.com", Rank.CERTIFICATE, "it is not for mcp.example.com"),
        (300, "mcp.example.com", None, ""),
        (300, "*.example.com", None, ""),
    ],
)
def test_a_certificate_is_judged_by_its_dates_and_names(
    days: int, names: str, rank: Rank | None, what: str
):
    found = evidence(
        required=[TLS],
        keys={TLS.reference: frozenset(TLS.keys)},
        certificates={TLS.reference: certificate(names, days)},
    )
    [*told] = from_secrets(found)
    assert [cause.rank for cause in told] == ([rank] if rank else [])
    assert all(what in cause.problem.what for cause in told)


def test_a_certificate_of_the_future_is_not_valid_yet():
    found = evidence(
        required=[TLS],
        keys={TLS.reference: frozenset(TLS.keys)},
        certificates={TLS.reference: certificate("mcp.example.com", 300)},
    )
    [cause] = from_secrets(found, NOW - timedelta(days=40))
    assert "its validity begins on" in cause.problem.what


def test_only_what_lacks_pods_is_told_of_refused_pods():
    event = {
        "reason": "FailedCreate",
        "involvedObject": {"kind": "ReplicaSet", "namespace": "mcp", "name": "server-5f"},
        "message": "pods is forbidden: exceeded quota: fault",
        "lastTimestamp": "2026-11-29T00:00:00Z",
    }

    def replicas(now: int) -> Evidence:
        one = thing("ReplicaSet", "server-5f", spec={"replicas": 2}, status={"replicas": now})
        return evidence(objects={"replicasets": [one], "events": [event]})

    [(rank, text)] = said(replicas(1))
    assert rank is Rank.ADMISSION
    assert "a quota of the namespace is used up" in text
    assert said(replicas(2)) == []


def test_a_daemon_set_whose_pods_are_refused_is_a_cause():
    event = {
        "reason": "FailedCreate",
        "involvedObject": {"kind": "DaemonSet", "namespace": "mcp", "name": "log-collector"},
        "message": 'pods is forbidden: violates PodSecurity "restricted:latest": hostPath volumes',
        "lastTimestamp": "2026-11-29T00:00:00Z",
    }

    def on_nodes(now: int) -> Evidence:
        one = thing("DaemonSet", "log-collector", spec={})
        one["status"] = {"desiredNumberScheduled": 3, "currentNumberScheduled": now}
        return evidence(objects={"daemonsets": [one], "events": [event]})

    [(rank, text)] = said(on_nodes(2))
    assert rank is Rank.ADMISSION
    assert "DaemonSet/mcp/log-collector" in text
    assert "Pod Security" in text
    assert said(on_nodes(3)) == []
    assert "daemonsets" in KINDS


def test_warnings_come_last_and_are_no_faults():
    scaler = thing("HorizontalPodAutoscaler", "a", spec={"maxReplicas": 3})
    scaler["status"] = {"currentReplicas": 3}
    quota = thing("ResourceQuota", "q", status={"hard": {"pods": "10"}, "used": {"pods": "9"}})
    objects = {
        "horizontalpodautoscalers": [scaler],
        "resourcequotas": [quota],
        "pods": [pod(state={"running": {}})],
    }
    found = causes(evidence(objects=objects))
    assert [cause.is_warning for cause in found] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", "0.5"), ("2", "2"), ("1Gi", str(1024**3)), ("3M", "3000000"), ("much", "0")],
)
def test_quantities_are_numbers(text: str, number: str):
    assert quantity(text) == Decimal(number)


def test_differences_name_fields_and_both_values():
    found = evidence(
        differences={
            "NetworkPolicy/mcp/flows": None,
            "Deployment/mcp/server": {"spec.replicas": (0, 2), "spec.paused": (True, None)},
        }
    )
    assert said(found) == [
        (Rank.ABSENT, "NetworkPolicy/mcp/flows: it is absent, and the stack has it"),
        (
            Rank.CHANGED,
            "Deployment/mcp/server: it is not as the stack describes it: spec.replicas is 0, "
            "not 2; spec.paused is True, not absent",
        ),
    ]


@pytest.mark.parametrize(
    ("behind", "rank", "what"),
    [
        (workload(0), Rank.CHANGED, "Deployment/mcp/server has no replicas"),
        (workload(2, "other"), Rank.CHANGED, "no workload has pods with the labels app=server"),
        (workload(2), Rank.UNREADY, "none of its pods is ready"),
    ],
)
def test_a_service_without_pods_says_whether_it_is_the_cause(
    behind: dict[str, Any], rank: Rank, what: str
):
    found = evidence(objects={"services": [SERVICE], "deployments": [behind]})
    assert said(found) == [(rank, f"Service/mcp/server: {what}")]


def test_a_service_whose_endpoints_are_not_ready_is_a_cause():
    slice_ = thing("EndpointSlice", "s", endpoints=[{"conditions": {"ready": False}}])
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "server"}
    found = evidence(
        objects={"services": [SERVICE], "endpointslices": [slice_], "deployments": [workload(2)]}
    )
    assert said(found) == [(Rank.UNREADY, "Service/mcp/server: none of its pods is ready")]


def test_containers_of_a_job_that_has_succeeded_are_not_failing():
    done = pod("migration-1")
    done["status"]["phase"] = "Succeeded"
    assert evidence(objects={"pods": [done]}).failing() == set()
    assert evidence(objects={"pods": [pod()]}).failing() == {("mcp", "server-1", "server")}


def test_a_service_with_a_ready_endpoint_is_well():
    slice_ = thing("EndpointSlice", "s", endpoints=[{"conditions": {"ready": True}}])
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "server"}
    found = evidence(objects={"services": [SERVICE], "endpointslices": [slice_]})
    assert said(found) == []
