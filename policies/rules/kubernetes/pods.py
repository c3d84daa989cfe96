"""Pods of every kind of workload against the Pod Security Standards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any, Final

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph, step
from graph.tree import branch, dig, entries

from ...documents.pod_specs import PodSpec, pod_specs
from ...rule import Check, Hit, Rule, at
from . import pod_rules as rules
from .log_readers import reads_only_logs

_NODE: Final = "an attacker who takes over the container could take over its node"
_MORE: Final = "an attacker who takes over the container has more to attack its node with"
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
Found = Iterator[tuple[Rule, str, str, str]]
"""Rule, path, what is wrong, and the consequence."""


def pods_are_restricted(graph: ResourceGraph) -> Iterator[Hit]:
    """Each pod keeps the controls of the standard ``restricted``."""
    for resource in graph.resources:
        if resource.type.startswith("kubernetes:"):
            for pod in pod_specs(resource):
                yield from _hits(resource, pod)


def _hits(resource: Resource, pod: PodSpec) -> Iterator[Hit]:
    allowed = {rules.HOST_PATHS.id, rules.ROOT.id} if reads_only_logs(pod) else set[str]()
    for rule, path, what, so in (*_pod(pod), *_volumes(pod), *_contexts(pod), *_containers(pod)):
        if rule.id in allowed:
            continue
        yield at(resource, path, what, so, rule.fix, rule.id)


def _pod(pod: PodSpec) -> Found:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key) is True:
            yield rules.HOST_NAMESPACES, f"{pod.path}.{key}", "is true", _NODE
    for number, each in enumerate(entries(pod.spec, "securityContext", "sysctls")):
        name = str(branch(each).get("name"))
        if name not in rules.SAFE_SYSCTLS and name != UNKNOWN:
            path = f"{pod.path}.securityContext.sysctls[{number}].name"
            yield rules.SYSCTLS, path, f"is {name}", "it changes the kernel for other pods too"
    for key, value in pod.annotations.items():
        safe = str(value).startswith(("runtime/default", "localhost/"))
        if key.startswith("container.apparmor.security.beta.kubernetes.io/") and not safe:
            yield rules.UNCONFINED, step(pod.annotations_path, key), f"is {value}", _MORE


def _volumes(pod: PodSpec) -> Found:
    for number, volume in enumerate(entries(pod.spec, "volumes")):
        path = f"{pod.path}.volumes[{number}]"
        for kind, settings in branch(volume).items():
            if kind == "name" or kind in rules.VOLUME_TYPES:
                continue
            if kind != "hostPath":
                what = "is mounted without a PersistentVolume"
                yield rules.VOLUMES, f"{path}.{kind}", what, _MORE
                continue
            directory = normpath(f"/{str(branch(settings).get('path')).lstrip('/')}")
            if directory in rules.NODE_PATHS or directory.endswith(".sock"):
                yield rules.NODE_TAKEN, f"{path}.hostPath.path", f"is {directory}", _NODE
            else:
                yield rules.HOST_PATHS, f"{path}.hostPath", f"mounts {directory}", _NODE


def _contexts(pod: PodSpec) -> Found:
    """What the pod's and each container's security context must not say."""
    for path, owner in ((pod.path, pod.spec), *pod.containers):
        context = branch(owner, "securityContext")
        place = f"{path}.securityContext"
        if dig(context, "windowsOptions", "hostProcess") is True:
            yield rules.HOST_PROCESS, f"{place}.windowsOptions.hostProcess", "is true", _NODE
        if context.get("runAsUser") == 0:
            yield rules.ROOT, f"{place}.runAsUser", "is 0, which is root", _MORE
        for profile in ("seccompProfile", "appArmorProfile"):
            if dig(context, profile, "type") == "Unconfined":
                yield rules.UNCONFINED, f"{place}.{profile}.type", "is Unconfined", _MORE
        for key, allowed in (("type", rules.SELINUX_TYPES), ("user", ("",)), ("role", ("",))):
            value = dig(context, "seLinuxOptions", key)
            if value is not None and str(value) not in (*allowed, UNKNOWN):
                yield rules.UNCONFINED, f"{place}.seLinuxOptions.{key}", f"is {value}", _MORE


def _containers(pod: PodSpec) -> Found:
    for path, container in pod.containers:
        context = branch(container, "securityContext")
        place = f"{path}.securityContext"
        if context.get("privileged") is True:
            yield rules.PRIVILEGED, f"{place}.privileged", "is true", _NODE
        if context.get("procMount", "Default") not in ("Default", UNKNOWN):
            yield rules.PROC_MOUNT, f"{place}.procMount", f"is {context['procMount']}", _NODE
        for number, port in enumerate(entries(container, "ports")):
            if branch(port).get("hostPort", 0) != 0:
                what = f"is {branch(port)['hostPort']}"
                so = "it is reached past every Service and network policy"
                yield rules.HOST_PORTS, f"{path}.ports[{number}].hostPort", what, so
        yield from _capabilities(place, context)
        yield from _called_hosts(path, container)
        if pod.complete:
            yield from _restricted(pod, path, context)


def _capabilities(place: str, context: Mapping[str, Any]) -> Found:
    for number, name in enumerate(map(str, entries(context, "capabilities", "add"))):
        path = f"{place}.capabilities.add[{number}]"
        if name in (UNKNOWN, "NET_BIND_SERVICE"):
            continue
        rule = rules.KEPT_CAPABILITIES if name in rules.DEFAULT_CAPABILITIES else rules.CAPABILITIES
        yield rule, path, f"is {name}", _NODE if rule is rules.CAPABILITIES else _MORE


def _called_hosts(path: str, container: Mapping[str, Any]) -> Found:
    hooks = [("lifecycle", key) for key in ("postStart", "preStop")]
    for keys in (*((probe,) for probe in _PROBES), *hooks):
        for way in ("httpGet", "tcpSocket"):
            host = dig(container, *keys, way, "host")
            if host and host != UNKNOWN:
                place = ".".join((path, *keys, way, "host"))
                so = "the kubelet could be made to call what the pod itself cannot reach"
                yield rules.PROBED_HOST, place, f"is {host}", so


def _restricted(pod: PodSpec, path: str, context: Mapping[str, Any]) -> Found:
    """What a container, or its pod, must say."""
    around = branch(pod.spec, "securityContext")
    place = f"{path}.securityContext"
    if _said(context, around, "runAsNonRoot") not in (True, UNKNOWN):
        what = "is not true, here or in the pod"
        yield rules.ROOT, f"{place}.runAsNonRoot", what, _MORE
    if pod.on_windows:
        return
    if context.get("allowPrivilegeEscalation") not in (False, UNKNOWN):
        yield rules.ESCALATION, f"{place}.allowPrivilegeEscalation", "is not false", _MORE
    if not {"ALL", UNKNOWN} & {str(each) for each in entries(context, "capabilities", "drop")}:
        yield rules.KEPT_CAPABILITIES, f"{place}.capabilities.drop", "has no ALL", _MORE
    profile = _said(context, around, "seccompProfile")
    if profile != UNKNOWN and dig(profile, "type") is None:
        what = "is missing, here and in the pod"
        yield rules.NO_SECCOMP, f"{place}.seccompProfile.type", what, _MORE


def _said(context: Mapping[str, Any], around: Mapping[str, Any], key: str) -> Any:
    """A field of a container's security context, or of its pod's where it has none."""
    return around.get(key) if context.get(key) is None else context[key]


CHECK: Final = Check(
    rules=rules.POD_RULES,
    types=(
        "kubernetes:core/v1:Pod",
        *(
            f"kubernetes:apps/v1:{kind}"
            for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
        ),
        *("kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob"),
    ),
    find=pods_are_restricted,
)
