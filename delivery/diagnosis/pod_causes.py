"""Causes in pods: not placed, image not pulled, container ended, not ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.base.problems import Problem

from ..kubectl import Object, reference
from ..workload_diagnosis import container_statuses
from .cause import Cause, Rank
from .evidence import Evidence

_IMAGE: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_SETTINGS: Final = frozenset({"CreateContainerConfigError"})
_START: Final = frozenset({"CreateContainerError", "RunContainerError"})
LAST_LINES: Final = 3
RESTARTS: Final = 3


def from_pods(evidence: Evidence) -> Iterator[Cause]:
    """Causes that the states of pods name."""
    for pod in evidence.of("pods"):
        if pod["metadata"].get("deletionTimestamp"):
            continue
        yield from _placement(pod)
        yield from _mounts(pod, evidence)
        for status in container_statuses(pod):
            yield from _container(pod, status, evidence)
    for (namespace, server), states in evidence.dependencies.items():
        for dependency, state in states.items():
            if state != "reachable":
                yield Cause(
                    Rank.IN_LOG,
                    Problem(
                        f"{namespace}/{server}",
                        f"{dependency} is {state}",
                        "tools that need it answer errors",
                        "see whether that runs, whether its password is right, and whether a "
                        "network policy lets the connection through",
                    ),
                )


def _placement(pod: Object) -> Iterator[Cause]:
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = condition.get("message", "")
            yield Cause(
                Rank.SCHEDULING,
                Problem(
                    reference(pod),
                    f"no node takes it: {message}",
                    "it does not run",
                    "ask for less in the stack file, or add a node"
                    if "Insufficient" in message
                    else "see what the message names: volumes, labels and taints of nodes",
                ),
            )


def _mounts(pod: Object, evidence: Evidence) -> Iterator[Cause]:
    """Volumes that cannot be mounted, while the pod waits for them."""
    if pod.get("status", {}).get("phase") != "Pending":
        return
    name = pod["metadata"]["name"]
    said = [
        event["message"]
        for event in evidence.of("events")
        if event.get("reason") == "FailedMount" and event["involvedObject"]["name"] == name
    ]
    if said:
        yield Cause(
            Rank.SECRET,
            Problem(
                reference(pod),
                f"a volume cannot be mounted: {said[-1][:300]}",
                "it is not started",
                "create the Secret, ConfigMap or key that the message names",
            ),
        )


def _container(pod: Object, status: Mapping[str, Any], evidence: Evidence) -> Iterator[Cause]:
    where = f"{reference(pod)}, container {status['name']}"
    state: Mapping[str, Any] = status.get("state", {})
    waiting: Mapping[str, Any] = state.get("waiting", {})
    reason, message = waiting.get("reason"), waiting.get("message", "")
    ended: Mapping[str, Any] = (
        state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
    )
    if reason in _IMAGE:
        image = str(status.get("image", "")).partition("@")[0]
        changed = bool(image and evidence.images and image not in evidence.images)
        yield Cause(
            Rank.IMAGE,
            Problem(
                where,
                f"its image cannot be pulled: {message or reason}",
                "it is not started",
                "the stack has no such image, so it was changed in the cluster: kubectl rollout "
                "undo of its workload sets the former one again"
                if changed
                else "check images in the stack file, and the credentials of the registry",
            ),
        )
    elif reason in _SETTINGS:
        yield Cause(
            Rank.SECRET,
            Problem(
                where,
                f"a Secret, ConfigMap or key that it reads is absent: {message}",
                "it is not started",
                "create it: qudag-mcp outputs lists the Secrets that the stack reads",
            ),
        )
    elif reason in _START:
        yield Cause(
            Rank.ENDED,
            Problem(
                where, f"it cannot be started: {message}", "it does not run", "see the message"
            ),
        )
    elif ended and ended.get("reason") == "OOMKilled":
        yield Cause(
            Rank.ENDED,
            Problem(
                where,
                f"it was killed: it used more memory than its limit ({_times(status)})",
                "its calls were lost, and it is started again and again",
                "raise the limit of memory in the stack file",
            ),
            "memory-grows",
        )
    elif ended and ended.get("exitCode") and not (status.get("ready") and _restarts_rarely(status)):
        said = _said(pod, status, evidence)
        yield Cause(
            Rank.ENDED,
            Problem(
                where,
                f"it ended with {ended['exitCode']} ({_times(status)}): {said}",
                "it is started again and again",
                f"kubectl -n {pod['metadata']['namespace']} logs --previous "
                f"{pod['metadata']['name']} -c {status['name']}",
            ),
        )
    elif "running" in state and not status.get("ready"):
        yield Cause(
            Rank.UNREADY,
            Problem(
                where,
                f"it runs and is not ready: {_said(pod, status, evidence)}",
                "no requests reach it",
                "the causes above may say why; else its log",
            ),
        )


def _restarts_rarely(status: Mapping[str, Any]) -> bool:
    return status.get("restartCount", 0) < RESTARTS


def _times(status: Mapping[str, Any]) -> str:
    count = status.get("restartCount", 0)
    return "1 restart" if count == 1 else f"{count} restarts"


def _said(pod: Object, status: Mapping[str, Any], evidence: Evidence) -> str:
    metadata = pod["metadata"]
    log = evidence.logs.get((metadata["namespace"], metadata["name"], status["name"]), "")
    lines = [line.strip()[:240] for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-LAST_LINES:]) or "its log is empty"
