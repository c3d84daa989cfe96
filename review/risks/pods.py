"""Security settings of pods and namespaces that a change weakens.

What is new is measured against Pod Security "restricted": a new pod that meets it is no risk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graph.kubernetes import Pod, called, kind, labels, namespace, pod
from graph.object_names import object_name
from graph.resource_graph import Resource, ResourceGraph
from graph.tree import dig, entries

from ..diff import Change, Diff

Setting = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
_STANDARDS = ("restricted", "baseline", "privileged")
_ENFORCED = "pod-security.kubernetes.io/enforce"


def _own(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda container: dig(container, "securityContext", *path)


def _effective(container: Mapping[str, Any], spec: Mapping[str, Any], *path: str) -> Any:
    """The container's own value, or else the pod's."""
    own = dig(container, "securityContext", *path)
    return dig(spec, "securityContext", *path) if own is None else own


# (container, pod spec) → whether it is set the weak way, with the words for it.
_WEAKNESSES: tuple[tuple[str, Setting], ...] = (
    ("runs privileged", lambda c, _: _own("privileged")(c) is True),
    (
        "may gain privileges (allowPrivilegeEscalation)",
        lambda c, _: _own("allowPrivilegeEscalation")(c) is not False,
    ),
    ("may run as root (runAsNonRoot)", lambda c, s: _effective(c, s, "runAsNonRoot") is not True),
    ("runs as root (runAsUser 0)", lambda c, s: _effective(c, s, "runAsUser") == 0),
    (
        "may write to its root file system (readOnlyRootFilesystem)",
        lambda c, _: _own("readOnlyRootFilesystem")(c) is not True,
    ),
    (
        "is not confined by seccomp",
        lambda c, s: (
            _effective(c, s, "seccompProfile", "type") not in ("RuntimeDefault", "Localhost")
        ),
    ),
    (
        "keeps capabilities (drop ALL)",
        lambda c, _: "ALL" not in entries(c, "securityContext", "capabilities", "drop"),
    ),
    ("sees an unmasked /proc", lambda c, _: _own("procMount")(c) == "Unmasked"),
)
# pod spec → the same, for the pod as a whole.
_POD_WEAKNESSES: tuple[tuple[str, str], ...] = (
    ("shares the node's network", "hostNetwork"),
    ("sees the node's processes", "hostPID"),
    ("shares the node's IPC", "hostIPC"),
)


def loosened_pods(change: Change, diff: Diff) -> Iterator[str]:
    """Containers or pods weaker than before, or, where new, weaker than "restricted"."""
    after = pod(change.after)
    if after is None or change.after is None:
        return
    before = pod(change.before)
    who = called(change.after)
    known = before.containers if before else {}
    for name, container in after.containers.items():
        for meaning in _weaknesses(container, after.spec):
            if name not in known or before is None:
                yield f"{who}: new container {name} {meaning}"
            elif meaning not in _weaknesses(known[name], before.spec):
                yield f"{who}: container {name} now {meaning}"
        for added in sorted(_added(container) - _added(known.get(name, {}))):
            yield f"{who}: container {name} gets the capability {added}"
    for meaning in _pod_weaknesses(after):
        if before is None or meaning not in _pod_weaknesses(before):
            yield f"{who} {'now ' if before else ''}{meaning}"
    if _mounts_token(change.after, diff.after) and not (
        change.before and _mounts_token(change.before, diff.before)
    ):
        yield f"{who} {'now ' if before else ''}mounts a service account token"


def _weaknesses(container: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    return [meaning for meaning, is_weak in _WEAKNESSES if is_weak(container, spec)]


def _added(container: Mapping[str, Any]) -> set[str]:
    return set(entries(container, "securityContext", "capabilities", "add"))


def _pod_weaknesses(checked: Pod) -> list[str]:
    shared = [meaning for meaning, field in _POD_WEAKNESSES if checked.spec.get(field) is True]
    mounted = [dig(volume, "hostPath", "path") for volume in entries(checked.spec, "volumes")]
    return shared + [f"mounts {path} of the node" for path in mounted if path]


def _mounts_token(workload: Resource, graph: ResourceGraph) -> bool:
    """As Kubernetes decides: the pod's word, else its service account's, else yes."""
    spec = (pod(workload) or Pod({}, {})).spec
    if (stated := spec.get("automountServiceAccountToken")) is not None:
        return stated
    account = spec.get("serviceAccountName", "default")
    for resource in graph.resources:
        same = namespace(resource) == namespace(workload)
        if same and kind(resource) == "ServiceAccount" and object_name(resource) == account:
            return resource.inputs.get("automountServiceAccountToken") is not False
    return True


def loosened_namespaces(change: Change, _diff: Diff) -> Iterator[str]:
    """The Pod Security Standard that a namespace enforces is lower than before."""
    if change.after is None or kind(change.after) != "Namespace":
        return
    old = _standard(change.before) if change.before else "restricted"
    new = _standard(change.after)
    if _STANDARDS.index(new) > _STANDARDS.index(old):
        yield f"{called(change.after)} enforces the Pod Security Standard {new}, below {old}"


def _standard(space: Resource) -> str:
    enforced = labels(space).get(_ENFORCED)
    return enforced if enforced in _STANDARDS else "privileged"
