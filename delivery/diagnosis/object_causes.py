"""Causes in objects other than pods: nodes, quotas, volumes, Services, autoscalers, jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from components.base.problems import Problem

from ..kubectl import Object, reference
from .cause import Cause, Rank
from .evidence import Evidence

QUOTA_SHARE: Final = Decimal("0.9")
_QUANTITY: Final = re.compile(r"([0-9.]+)(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_TIMES: Final[Mapping[str | None, Decimal]] = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** (n + 1) for n, unit in enumerate(("k", "M", "G", "T"))},
    **{unit: Decimal(1024) ** (n + 1) for n, unit in enumerate(("Ki", "Mi", "Gi", "Ti"))},
}


def from_objects(evidence: Evidence) -> Iterator[Cause]:
    """Causes that objects themselves name."""
    yield from _nodes(evidence)
    yield from _workloads(evidence)
    yield from _quotas(evidence)
    yield from _volumes(evidence)
    yield from _services(evidence)
    yield from _jobs(evidence)
    yield from _autoscalers(evidence)


def _nodes(evidence: Evidence) -> Iterator[Cause]:
    for node in evidence.of("nodes"):
        for condition in node.get("status", {}).get("conditions", ()):
            good = "True" if condition["type"] == "Ready" else "False"
            if condition["status"] != good:
                yield Cause(
                    Rank.CLUSTER,
                    Problem(
                        reference(node),
                        f"{condition['type']} is {condition['status']}: "
                        f"{condition.get('message', '')}",
                        "its pods are stopped or moved, and no new ones are placed there",
                        f"kubectl describe node {node['metadata']['name']}",
                    ),
                )


_REFUSALS: Final = (
    (
        "exceeded quota",
        "a quota of the namespace is used up",
        "ask for less in the stack file, or raise its quota",
    ),
    (
        "violates PodSecurity",
        "the pods ask for more than Pod Security allows in the namespace",
        "remove what the message names from the pods",
    ),
    (
        "serviceaccount",
        "the account of its pods is absent",
        "make up creates it again",
    ),
    (
        "admission webhook",
        "a webhook of the cluster refuses its pods",
        "change what the message names, or ask who runs the webhook",
    ),
    (
        "per Container is",
        "they ask for more than the limits of the namespace allow",
        "ask for less in the stack file, or raise its limits",
    ),
    ("forbidden", "the cluster refuses its pods", "change what the message names"),
)


def _workloads(evidence: Evidence) -> Iterator[Cause]:
    """Workloads whose pods the API server refuses, and those without pods."""
    for event in _events(evidence, "FailedCreate"):
        about = event["involvedObject"]
        if not any(
            one["metadata"]["name"] == about["name"] and _has_too_few_pods(one)
            for kind in ("replicasets", "statefulsets", "daemonsets", "jobs")
            for one in evidence.of(kind)
        ):
            continue
        what, fix = next(
            ((what, fix) for sign, what, fix in _REFUSALS if sign in event["message"]),
            ("its pods cannot be made", "change what the message names"),
        )
        yield Cause(
            Rank.ADMISSION,
            Problem(
                f"{about['kind']}/{about['namespace']}/{about['name']}",
                f"{what}: {event['message'][:400]}",
                "it has fewer pods than it should have",
                fix,
            ),
        )


def _has_too_few_pods(workload: Object) -> bool:
    status = workload.get("status", {})
    if "desiredNumberScheduled" in status:  # of a DaemonSet: a pod a node
        return status.get("currentNumberScheduled", 0) < status["desiredNumberScheduled"]
    wanted = workload["spec"].get("replicas", workload["spec"].get("parallelism", 1))
    return status.get("replicas", status.get("active", 0) + status.get("succeeded", 0)) < wanted


def _events(evidence: Evidence, *reasons: str) -> Iterator[Object]:
    """The newest event of each object with one of these reasons."""
    newest: dict[tuple[str, str], Object] = {}
    for event in sorted(evidence.of("events"), key=_time):
        if event.get("reason") in reasons:
            about = event["involvedObject"]
            newest[about.get("namespace", ""), about["name"]] = event
    yield from newest.values()


def _time(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _quotas(evidence: Evidence) -> Iterator[Cause]:
    for quota in evidence.of("resourcequotas"):
        status = quota.get("status", {})
        for name, most in status.get("hard", {}).items():
            used = status.get("used", {}).get(name, "0")
            hard, now = quantity(most), quantity(used)
            if hard and now >= QUOTA_SHARE * hard:
                yield Cause(
                    Rank.WARNING,
                    Problem(
                        reference(quota),
                        f"{used} of {most} {name} are used",
                        "a rollout that needs more is refused",
                        "ask for less in the stack file, or raise its quota",
                    ),
                )


def quantity(text: str) -> Decimal:
    """A quantity of Kubernetes as a number; 0 if it is none."""
    found = _QUANTITY.fullmatch(text)
    return Decimal(found[1]) * _TIMES[found[2]] if found else Decimal(0)


def _volumes(evidence: Evidence) -> Iterator[Cause]:
    for claim in evidence.of("persistentvolumeclaims"):
        if claim.get("status", {}).get("phase") == "Bound":
            continue
        name = claim["metadata"]["name"]
        said = [
            event["message"]
            for event in _events(evidence, "ProvisioningFailed", "FailedBinding")
            if event["involvedObject"]["name"] == name
        ]
        storage = claim["spec"].get("storageClassName", "the default storage class")
        yield Cause(
            Rank.SCHEDULING,
            Problem(
                reference(claim),
                f"it is {claim.get('status', {}).get('phase')}: {'; '.join(said) or storage}",
                "the pods that mount it are not started",
                f"see that {storage} exists and has room: kubectl get storageclass",
            ),
        )


def _services(evidence: Evidence) -> Iterator[Cause]:
    """Services that select pods, none of which is ready."""
    ready = {
        (one["metadata"]["namespace"], one["metadata"].get("labels", {}).get(_SERVICE))
        for one in evidence.of("endpointslices")
        for endpoint in one.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready", True)
    }
    for service in evidence.of("services"):
        where = service["metadata"]["namespace"], service["metadata"]["name"]
        chosen: Mapping[str, str] = service["spec"].get("selector") or {}
        if not chosen or where in ready:
            continue
        behind = [
            one
            for kind in ("deployments", "statefulsets")
            for one in evidence.of(kind)
            if one["metadata"]["namespace"] == where[0]
            and chosen.items() <= one["spec"]["template"]["metadata"].get("labels", {}).items()
        ]
        rank, what, fix = Rank.UNREADY, "none of its pods is ready", "the causes above say why"
        if not behind:
            named = ", ".join(f"{key}={value}" for key, value in chosen.items())
            rank, what = Rank.CHANGED, f"no workload has pods with the labels {named}"
            fix = "make up sets its labels again"
        elif all(one["spec"].get("replicas") == 0 for one in behind):
            rank, what = Rank.CHANGED, f"{reference(behind[0])} has no replicas"
            fix = "make up gives it its replicas again"
        yield Cause(
            rank,
            Problem(reference(service), what, "every connection to it is refused", fix),
        )


_SERVICE: Final = "kubernetes.io/service-name"


def _jobs(evidence: Evidence) -> Iterator[Cause]:
    for job in evidence.of("jobs"):
        for condition in job.get("status", {}).get("conditions", ()):
            if condition["type"] == "Failed" and condition["status"] == "True":
                name = job["metadata"]["name"]
                yield Cause(
                    Rank.ENDED,
                    Problem(
                        reference(job),
                        f"it failed: {condition.get('message', condition.get('reason', ''))}",
                        "what it should have done is not done",
                        f"kubectl -n {job['metadata']['namespace']} logs job/{name}",
                    ),
                )


def _autoscalers(evidence: Evidence) -> Iterator[Cause]:
    for scaler in evidence.of("horizontalpodautoscalers"):
        status: Mapping[str, Any] = scaler.get("status", {})
        for condition in status.get("conditions", ()):
            if condition["type"] == "ScalingActive" and condition["status"] == "False":
                yield Cause(
                    Rank.WARNING,
                    Problem(
                        reference(scaler),
                        f"it cannot read its metrics: {condition.get('message', '')}",
                        "the number of pods stays as it is, whatever the load",
                        "see that metrics-server, or KEDA and Prometheus, answer",
                    ),
                )
        if status.get("currentReplicas") == scaler["spec"]["maxReplicas"]:
            yield Cause(
                Rank.WARNING,
                Problem(
                    reference(scaler),
                    f"it has its most pods, {scaler['spec']['maxReplicas']}",
                    "more load makes answers slower",
                    "raise scaling.<service>.max in the stack file",
                ),
            )
