"""A workload is ready only when all of its pods run the latest revision and are ready."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.rollout import Phase, status_of, waiting_reasons


def deployment(generation: int = 2, replicas: int | None = 2, **status: Any) -> dict[str, Any]:
    spec = {} if replicas is None else {"replicas": replicas}
    settled = {
        "observedGeneration": 2,
        "replicas": replicas or 1,
        "updatedReplicas": replicas or 1,
        "availableReplicas": replicas or 1,
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "a", "generation": generation},
        "spec": spec,
        "status": settled | status,
    }


def holds(kind: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", **more}]}


def job(status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": "Job", "metadata": {"name": "j"}, "spec": spec, "status": status}


def test_a_deployment_is_ready_when_every_new_pod_is_available() -> None:
    assert status_of(deployment()).phase is Phase.READY
    assert status_of(deployment(replicas=None)).phase is Phase.READY
    assert status_of(deployment(replicas=0)).phase is Phase.READY


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        (deployment(generation=3), "not yet seen by its controller"),
        (deployment(updatedReplicas=1), "1 of 2 pods made"),
        (deployment(availableReplicas=0), "0 of 2 pods ready"),
        (deployment(updatedReplicas=2, availableReplicas=2), "ready"),
    ],
)
def test_a_deployment_says_what_it_waits_for(workload: dict[str, Any], words: str) -> None:
    assert status_of(workload).words == words


def test_old_pods_that_still_end_are_waited_for() -> None:
    workload = deployment()
    workload["status"]["replicas"] = 3
    assert status_of(workload).words == "1 old pods still there"


def test_a_deployment_whose_pods_are_refused_has_failed() -> None:
    refused = deployment(updatedReplicas=0, **holds("ReplicaFailure", message="exceeded quota"))
    assert status_of(refused).phase is Phase.FAILED
    assert "exceeded quota" in status_of(refused).words


def test_a_stateful_set_mid_update_is_not_ready() -> None:
    status = {"observedGeneration": 1, "replicas": 1, "availableReplicas": 1, "updatedReplicas": 0}
    revisions = {"currentRevision": "a-1", "updateRevision": "a-2"}
    workload = {
        "kind": "StatefulSet",
        "metadata": {"name": "a", "generation": 1},
        "spec": {"replicas": 1},
        "status": status | revisions,
    }
    assert status_of(workload).phase is Phase.WAITING
    workload["status"] = status | {"currentRevision": "a-1", "updateRevision": "a-1"}
    assert status_of(workload).phase is Phase.READY


def test_a_daemon_set_needs_every_node() -> None:
    counts = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}
    workload = {"kind": "DaemonSet", "metadata": {"name": "d"}, "spec": {}, "status": counts}
    assert status_of(workload).words == "2 of 3 pods ready"


@pytest.mark.parametrize(
    ("workload", "phase"),
    [
        (job({}), Phase.WAITING),
        (job({"failed": 2}), Phase.WAITING),
        (job(holds("Complete")), Phase.READY),
        (job(holds("Failed", message="deadline exceeded")), Phase.FAILED),
        (job({}, suspend=True), Phase.READY),
    ],
)
def test_a_jobs_conditions_decide_whether_it_is_done_or_failed(
    workload: dict[str, Any], phase: Phase
) -> None:
    assert status_of(workload).phase is phase


def test_the_reasons_of_all_containers_are_seen() -> None:
    waits = {"state": {"waiting": {"reason": "ImagePullBackOff"}}}
    running: dict[str, Any] = {"state": {"running": {}}}
    pod = {"status": {"initContainerStatuses": [waits], "containerStatuses": [running]}}
    assert waiting_reasons(pod) == ["ImagePullBackOff"]
