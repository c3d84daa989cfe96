"""Explains why a workload is not ready: pod states, events and the last log lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.base.problems import Problem

from .kubectl import Kubectl, Object

_LOG_LINES = 8
_EVENTS = 4


def diagnose(kubectl: Kubectl, workload: Object | None, name: str, words: str) -> Problem:
    """One problem with the pod states, events and log lines of a workload that is not ready."""
    kind, *where, short = name.split("/")
    namespace = where[0] if where else "default"
    pods = _pods(kubectl, workload, namespace)
    facts = [words, *(fact for pod in pods for fact in _pod_facts(kubectl, pod))]
    facts += _events(kubectl, namespace, {short, *(pod["metadata"]["name"] for pod in pods)})
    return Problem(
        f"{kind} {namespace}/{short}",
        "it does not become ready\n      " + "\n      ".join(facts),
        "the platform is not ready; its objects are left unchanged for inspection",
        _fix(kubectl, "\n".join(facts), namespace, kind, short),
    )


_FIXES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"),
        "the image cannot be pulled: check `images` in the stack's configuration, and that the "
        "cluster can pull it",
    ),
    (
        ("CreateContainerConfigError", "FailedMount"),
        "create the named Secret, ConfigMap or volume, then run this again",
    ),
    (("exceeded quota",), "raise the quota in the stack's configuration, or ask for less"),
    (("violates PodSecurity",), "the pod asks for more than Pod Security allows: change that"),
    (("Insufficient",), "the nodes are full: ask for less, or add a node"),
    (("OOMKilled",), "raise the memory limit in the stack's configuration"),
)


def _fix(kubectl: Kubectl, facts: str, namespace: str, kind: str, name: str) -> str:
    for signs, fix in _FIXES:
        if any(sign in facts for sign in signs):
            return fix
    return (
        f"look closer: kubectl --context={kubectl.context} -n {namespace} "
        f"describe {kind.lower()} {name}"
    )


def _pods(kubectl: Kubectl, workload: Object | None, namespace: str) -> list[Object]:
    """The pods of the workload that are not ready, newest first."""
    if workload is None:
        return []
    labels = workload["spec"].get("selector", {}).get("matchLabels", {})
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    if not selector:
        return []
    pods = kubectl.objects("pods", f"-n={namespace}", f"--selector={selector}")
    unready = [pod for pod in pods if not _is_ready(pod)]
    return sorted(unready, key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)[:2]


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(seen["type"] == "Ready" and seen["status"] == "True" for seen in conditions)


def container_statuses(pod: Object) -> list[dict[str, Any]]:
    """The statuses of a pod's containers, init containers first."""
    status: dict[str, Any] = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _pod_facts(kubectl: Kubectl, pod: Object) -> Iterator[str]:
    """Lines about a pod's containers, with the log of those that ended or restart."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"pod {name} is not scheduled: {condition.get('message', '')}"
    for container in container_statuses(pod):
        state: dict[str, Any] = container.get("state", {})
        waiting: dict[str, Any] = state.get("waiting", {})
        ended: dict[str, Any] = (
            state.get("terminated") or container.get("lastState", {}).get("terminated") or {}
        )
        here = f"pod {name}, container {container['name']}"
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield f"{here}: {waiting['reason']} {waiting.get('message', '')}".rstrip()
        if ended and ended.get("reason") != "Completed":
            yield f"{here}: ended with {ended.get('exitCode')} ({ended.get('reason')})"
        running_unready = "running" in state and not container.get("ready")
        if running_unready:
            yield f"{here}: runs, but its readiness probe fails"
        if ended.get("reason") != "Completed" and (ended or running_unready):
            yield from _log(kubectl, namespace, name, container["name"])


def _log(kubectl: Kubectl, namespace: str, pod: str, container: str) -> Iterator[str]:
    where = (f"-n={namespace}", pod, f"--container={container}", f"--tail={_LOG_LINES}")
    said = kubectl.run("logs", *where, timeout=15)
    if not said.out.strip():
        said = kubectl.run("logs", "--previous", *where, timeout=15)
    for line in said.out.splitlines():
        yield f"  | {line[:240]}"


def _events(kubectl: Kubectl, namespace: str, names: set[str]) -> list[str]:
    """The latest distinct warning events about these objects."""
    outcome = kubectl.objects("events", f"-n={namespace}", "--field-selector=type=Warning")
    about = [
        event
        for event in outcome
        if any(
            event["involvedObject"]["name"] == name
            or event["involvedObject"]["name"].startswith(f"{name}-")
            for name in names
        )
    ]
    about.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    texts = dict.fromkeys(f"event {event['reason']}: {event['message'][:300]}" for event in about)
    return list(texts)[-_EVENTS:]
