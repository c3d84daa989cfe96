"""Objects, events and logs of a stack's cluster; of Secrets only their keys and certificates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from ..checks.data_and_dependencies import dependency_states, probes
from ..kubectl import Kubectl, Object, listed
from ..local_secrets import RequiredSecret
from ..workload_diagnosis import container_statuses

KINDS: Final = (
    *("pods", "events", "deployments", "statefulsets", "daemonsets", "replicasets"),
    *("jobs", "services"),
    *("endpointslices", "persistentvolumeclaims", "resourcequotas", "horizontalpodautoscalers"),
)
LOG_LINES: Final = 60
CERTIFICATE: Final = "tls.crt"
_KEYS: Final = r"""go-template={{range $key, $value := .data}}{{$key}}{{"\n"}}{{end}}"""

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass
class Evidence:
    """What was read.

    Attributes:
        namespaces: of the platform.
        differences: by reference, the fields of an object that an apply would change, with the
            present and the wanted value; an absent object has None.
        images: of the pods that the stack describes, without their digests; empty: unknown.
        managers: by reference, the programs beside the stack that have set fields of an object.
        refused: by reference, why the API server refuses an object as the stack describes it.
        objects: by the names of ``KINDS`` and ``nodes``.
        keys: of each required Secret, the keys that it has; None: it is absent.
        required: the Secrets that the stack's workloads read.
        certificates: PEM by the reference of its Secret.
        dependencies: of each server, by (namespace, server), what it says about what it needs:
            ``reachable``, or what is wrong.
        logs: the last lines by (namespace, pod, container).
        unread: what could not be read, and why.
    """

    namespaces: Sequence[str]
    differences: Mapping[str, Mapping[str, tuple[Any, Any]] | None] = field(
        default_factory=dict[str, "Mapping[str, tuple[Any, Any]] | None"]
    )
    images: frozenset[str] = frozenset()
    managers: Mapping[str, Sequence[str]] = field(default_factory=dict[str, "Sequence[str]"])
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    objects: dict[str, list[Object]] = field(default_factory=dict[str, list[Object]])
    keys: dict[str, frozenset[str] | None] = field(
        default_factory=dict[str, "frozenset[str] | None"]
    )
    required: Sequence[RequiredSecret] = ()
    certificates: dict[str, str] = field(default_factory=dict[str, str])
    dependencies: dict[tuple[str, str], dict[str, str]] = field(
        default_factory=dict[tuple[str, str], dict[str, str]]
    )
    logs: dict[tuple[str, str, str], str] = field(default_factory=dict[tuple[str, str, str], str])
    unread: dict[str, str] = field(default_factory=dict[str, str])

    def failing(self) -> set[tuple[str, str, str]]:
        """Containers that are not ready or have restarted, by (namespace, pod, container)."""
        return {
            (pod["metadata"]["namespace"], pod["metadata"]["name"], status["name"])
            for pod in self.of("pods")
            if pod.get("status", {}).get("phase") != "Succeeded"
            for status in container_statuses(pod)
            if not status.get("ready") or status.get("restartCount")
        }

    def of(self, kind: str) -> list[Object]:
        """The objects of a kind in all namespaces."""
        return self.objects.get(kind, [])


def collect(
    kubectl: Kubectl,
    namespaces: Sequence[str],
    required: Sequence[RequiredSecret],
    *,
    all_logs: bool = False,
) -> Evidence:
    """Read the cluster; what these credentials may not read is noted, not refused.

    Args:
        all_logs: read the logs of all containers, not only of those that are not ready.

    Raises:
        ProblemReport: the cluster does not answer.
    """
    kubectl.must("version", "--output=json", timeout=20)
    evidence = Evidence(namespaces, required=required)
    asked: list[tuple[str, str | None]] = [("nodes", None)]
    asked += [(kind, one) for one in namespaces for kind in KINDS]
    with ThreadPoolExecutor(4) as pool:
        for place, found in _each(pool, partial(_objects, kubectl), asked):
            kind, namespace = place
            if isinstance(found, str):
                evidence.unread[f"{kind} of {namespace}" if namespace else kind] = found
            else:
                evidence.objects.setdefault(kind, []).extend(found)
        for secret, read in _each(pool, partial(_read_secret, kubectl), required):
            if isinstance(read, str):
                evidence.unread[secret.reference] = read
            else:
                evidence.keys[secret.reference], certificate = read
                if certificate is not None:
                    evidence.certificates[secret.reference] = certificate
        evidence.logs.update(
            _each(pool, partial(_log, kubectl), _containers(evidence, every=all_logs))
        )
        pods = evidence.of("pods")
        asked_pods = [*probes(pods), *probes(pods, ready=False)]
        for probe, states in _each(pool, partial(dependency_states, kubectl), asked_pods):
            if states:
                evidence.dependencies[probe.namespace, probe.server] = states
    return evidence


def _each(
    pool: ThreadPoolExecutor, ask: Callable[[Asked], Answer], things: Sequence[Asked]
) -> Iterator[tuple[Asked, Answer]]:
    """Each thing with what was answered about it."""
    yield from zip(things, pool.map(ask, things), strict=True)


def _objects(kubectl: Kubectl, place: tuple[str, str | None]) -> list[Object] | str:
    kind, namespace = place
    where = [f"-n={namespace}"] if namespace else []
    outcome = kubectl.run("get", kind, *where, "--ignore-not-found", "--output=json", timeout=30)
    return listed(outcome.out) if outcome.ok else outcome.last_lines(1)


def _read_secret(
    kubectl: Kubectl, secret: RequiredSecret
) -> tuple[frozenset[str] | None, str | None] | str:
    """The names of its keys, None for an absent one; and its certificate, which is public."""
    where = ("get", "secret", secret.name, f"-n={secret.namespace}", "--ignore-not-found")
    outcome = kubectl.run(*where, f"--output={_KEYS}", timeout=30)
    if not outcome.ok:
        return outcome.last_lines(1)
    keys = frozenset(outcome.out.split())
    if not keys and not kubectl.run(*where, "--output=name", timeout=30).out.strip():
        return None, None
    if CERTIFICATE not in keys:
        return keys, None
    encoded = kubectl.run(*where, "--output=jsonpath={.data.tls\\.crt}", timeout=30).out
    return keys, base64.b64decode(encoded).decode(errors="replace")


def _containers(evidence: Evidence, *, every: bool) -> list[tuple[str, str, str]]:
    """Containers that are not ready or have restarted, or every one."""
    if not every:
        return sorted(evidence.failing())
    return [
        (pod["metadata"]["namespace"], pod["metadata"]["name"], status["name"])
        for pod in evidence.of("pods")
        for status in container_statuses(pod)
    ]


def _log(kubectl: Kubectl, place: tuple[str, str, str]) -> str:
    namespace, pod, container = place
    where = (f"-n={namespace}", pod, f"--container={container}", f"--tail={LOG_LINES}")
    now = kubectl.run("logs", *where, timeout=20)
    before = kubectl.run("logs", "--previous", *where, timeout=20)
    return "".join(said.out for said in (before, now) if said.ok)
