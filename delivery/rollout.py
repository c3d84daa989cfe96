"""Waits until workloads are ready, and detects those that will not become ready."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from components.base.problems import ProblemReport

from .kubectl import Kubectl, Object, reference
from .progress import Progress
from .workload_diagnosis import container_statuses, diagnose

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
SECONDS = 300.0
"""How long a platform may take to become ready."""

STUCK_SECONDS = 20.0
"""How long a pod may wait for a reason of ``_STUCK_REASONS`` before its workload has failed."""

STUCK_RESTARTS = 4
"""Restarts after which a crashing container has failed; before, its dependencies may be late."""

_STUCK_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


class Phase(Enum):
    """The phase of a rollout."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class WorkloadStatus:
    """A workload's phase, with a short text for the user."""

    phase: Phase
    words: str


READY = WorkloadStatus(Phase.READY, "ready")


def status_of(workload: Object) -> WorkloadStatus:
    """The rollout status of a Deployment, StatefulSet, DaemonSet or Job."""
    status: Mapping[str, Any] = workload.get("status", {})
    if workload["kind"] == "Job":
        return _job(workload, status)
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return WorkloadStatus(Phase.WAITING, "not yet seen by its controller")
    refused = _condition(status, "ReplicaFailure")
    if refused is not None:
        return WorkloadStatus(Phase.FAILED, f"no pod may be made: {refused.get('message', '')}")
    if workload["kind"] == "DaemonSet":
        return _counted(
            status.get("desiredNumberScheduled", 0),
            updated=status.get("updatedNumberScheduled", 0),
            ready=status.get("numberAvailable", 0),
            old=0,
        )
    wanted = workload["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    if workload["kind"] == "StatefulSet" and _is_settled(status):
        updated = status.get("replicas", 0)
    return _counted(
        wanted,
        updated=updated,
        ready=status.get("availableReplicas", 0),
        old=max(0, status.get("replicas", 0) - updated),
    )


def _counted(wanted: int, *, updated: int, ready: int, old: int) -> WorkloadStatus:
    if updated < wanted:
        return WorkloadStatus(Phase.WAITING, f"{updated} of {wanted} pods made")
    if ready < wanted:
        return WorkloadStatus(Phase.WAITING, f"{ready} of {wanted} pods ready")
    if old > 0:
        return WorkloadStatus(Phase.WAITING, f"{old} old pods still there")
    return READY


def _is_settled(status: Mapping[str, Any]) -> bool:
    """Whether all pods of a StatefulSet have the same revision."""
    return status.get("currentRevision") == status.get("updateRevision")


def _job(job: Object, status: Mapping[str, Any]) -> WorkloadStatus:
    if _condition(status, "Complete") is not None:
        return READY
    failed = _condition(status, "Failed")
    if failed is not None:
        return WorkloadStatus(Phase.FAILED, failed.get("message") or "failed")
    if job["spec"].get("suspend"):
        return WorkloadStatus(Phase.READY, "suspended")
    tries = status.get("failed", 0)
    return WorkloadStatus(Phase.WAITING, f"running, {tries} tries failed" if tries else "running")


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The condition of this type if its status is True; else None."""
    for condition in status.get("conditions", ()):
        if condition["type"] == kind and condition["status"] == "True":
            return condition
    return None


# ---- waiting -----------------------------------------------------------------------------------


def workloads(manifests: Iterable[Object]) -> list[Object]:
    """The manifests of workloads and Jobs, which can become ready."""
    return [manifest for manifest in manifests if manifest["kind"] in KINDS]


def wait(
    kubectl: Kubectl,
    manifests: Sequence[Object],
    progress: Progress,
    *,
    seconds: float = SECONDS,
) -> None:
    """Wait until every workload is ready and every Job is complete.

    Raises:
        ProblemReport: workloads that failed, or that are not ready after ``seconds``, each with
            its pods' states, events and last log lines.
    """
    expected = [reference(manifest) for manifest in workloads(manifests)]
    if not expected:
        return
    namespaces = sorted(
        {manifest["metadata"].get("namespace", "default") for manifest in workloads(manifests)}
    )
    deadline = time.monotonic() + seconds
    stuck_since: dict[str, float] = {}
    while True:
        seen = {
            reference(thing): thing
            for namespace in namespaces
            for thing in kubectl.objects(
                "deployments,statefulsets,daemonsets,jobs,pods", f"-n={namespace}"
            )
        }
        missing = WorkloadStatus(Phase.WAITING, "not there yet")
        statuses = {name: status_of(seen[name]) if name in seen else missing for name in expected}
        progress.show({_short(name): where.words for name, where in statuses.items()})
        if all(where.phase is Phase.READY for where in statuses.values()):
            return
        stuck = _stuck(seen, stuck_since)
        failed = {
            name: where
            for name, where in statuses.items()
            if where.phase is Phase.FAILED
            or (where.phase is Phase.WAITING and _has_pod(name, stuck))
        }
        late = time.monotonic() > deadline
        if failed or late:
            guilty = failed or {
                name: where for name, where in statuses.items() if where.phase is not Phase.READY
            }
            raise ProblemReport(
                diagnose(kubectl, seen.get(name), name, where.words)
                for name, where in guilty.items()
            )
        time.sleep(1.0)


def _short(name: str) -> str:
    kind, *_, workload = name.split("/")
    return f"{kind} {workload}"


def _stuck(seen: Mapping[str, Object], since: dict[str, float]) -> frozenset[str]:
    """Pods that will not start by themselves; ``since`` keeps since when each has been stuck."""
    now = time.monotonic()
    pods = {name: thing for name, thing in seen.items() if thing["kind"] == "Pod"}
    looping = {name for name, pod in pods.items() if _restarts(pod) >= STUCK_RESTARTS}
    stuck = {name for name, pod in pods.items() if _STUCK_REASONS & set(waiting_reasons(pod))}
    for name in set(since) - stuck:
        del since[name]
    for name in stuck:
        since.setdefault(name, now)
    return frozenset(looping | {name for name in stuck if now - since[name] > STUCK_SECONDS})


def _restarts(pod: Object) -> int:
    """The most restarts of a container in the pod that is waiting for its next restart."""
    return max(
        (
            container.get("restartCount", 0)
            for container in container_statuses(pod)
            if container.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
        ),
        default=0,
    )


def _has_pod(workload: str, pods: frozenset[str]) -> bool:
    """Whether one of the pods belongs to the workload; Jobs report failures themselves."""
    kind, *where, name = workload.split("/")
    prefix = "/".join(["Pod", *where, f"{name}-"])
    return kind != "Job" and any(pod.startswith(prefix) for pod in pods)


def waiting_reasons(pod: Object) -> list[str]:
    """The kubelet's reasons why containers of a pod do not run."""
    waits = [container.get("state", {}).get("waiting", {}) for container in container_statuses(pod)]
    return [wait["reason"] for wait in waits if wait.get("reason")]
