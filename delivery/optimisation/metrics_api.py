"""Samples what pods use now from the API server (metrics.k8s.io), where there is no Prometheus."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from components.base.problems import Problem, ProblemReport
from components.base.quantities import quantity

from ..kubectl import Kubectl
from .usage import Point, Usage
from .workload_sizes import SizedWorkload

EVERY: Final = 15.0
"""Seconds between two samples: metrics-server reads the kubelets that often by default."""
_API: Final = "/apis/metrics.k8s.io/v1beta1"
_POD: Final = re.compile(r"([0-9]+|[a-z0-9]{1,10}-[bcdfghjklmnpqrstvwxz2456789]{5})")


def is_pod_of(pod: str, workload: str) -> bool:
    """Whether a pod's name is one that a Deployment or StatefulSet of that name gives."""
    return pod.startswith(f"{workload}-") and bool(_POD.fullmatch(pod[len(workload) + 1 :]))


def sampled(
    kubectl: Kubectl,
    workloads: Sequence[SizedWorkload],
    seconds: float,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Usage]:
    """What each workload used in the next seconds, by its name; those without pods are left out.

    Args:
        kubectl: of the cluster.
        workloads: of the stack.
        seconds: how long.
        tell: called with the number of samples so far.
        sleep: waits.

    Raises:
        ProblemReport: the cluster has no metrics API.
    """
    spaces = sorted({one.namespace for one in workloads})
    taken: list[tuple[float, list[Mapping[str, Any]]]] = []
    count = max(int(seconds // EVERY), 1)
    for number in range(1, count + 1):
        taken.append((time.time(), [pod for space in spaces for pod in _pods(kubectl, space)]))
        tell(f"{number} of {count} samples")
        if number < count:
            sleep(EVERY)
    found = {one.name: _usage(one, taken) for one in workloads}
    return {name: usage for name, usage in found.items() if usage}


def _pods(kubectl: Kubectl, namespace: str) -> list[Mapping[str, Any]]:
    outcome = kubectl.run("get", "--raw", f"{_API}/namespaces/{namespace}/pods")
    if not outcome.ok:
        raise ProblemReport(
            [
                Problem(
                    f"context {kubectl.context}",
                    f"has no metrics API: {outcome.last_lines(1)}",
                    "it is not known what the pods use",
                    "install metrics-server, or name a Prometheus with --prometheus",
                )
            ]
        )
    return json.loads(outcome.out)["items"]


def _usage(
    workload: SizedWorkload, taken: Sequence[tuple[float, Sequence[Mapping[str, Any]]]]
) -> Usage | None:
    series: dict[str, list[Point]] = {"cpu": [], "cpu_of_all": [], "memory": [], "pods": []}
    for at, pods in taken:
        used = [
            container["usage"]
            for pod in pods
            if pod["metadata"]["namespace"] == workload.namespace
            and is_pod_of(pod["metadata"]["name"], workload.name)
            for container in pod["containers"]
            if container["name"] == workload.container
        ]
        if not used:
            continue
        cpu = [float(quantity(one["cpu"])) for one in used]
        series["cpu"].append((at, max(cpu)))
        series["cpu_of_all"].append((at, sum(cpu)))
        series["memory"].append((at, max(float(quantity(one["memory"])) for one in used)))
        series["pods"].append((at, float(len(used))))
    if not series["cpu"]:
        return None
    return Usage(
        source="samples of the API server",
        step=EVERY,
        cpu=series["cpu"],
        cpu_of_all=series["cpu_of_all"],
        memory=series["memory"],
        pods=series["pods"],
    )
