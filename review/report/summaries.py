"""One-line summaries of Kubernetes objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from graph.kubernetes import called, kind, labels, pod
from graph.resource_graph import Resource
from graph.tree import branch, dig, entries, mappings

from ..risks.host_policies import named_hosts

MOST_KEYS: Final = 6
"""Keys of a ConfigMap or Secret that a line names; the runbooks of a platform are 40."""


def component_name(resource: Resource) -> str:
    """``Workload mcp-core``: the class and the name of a component."""
    return f"{resource.type.rpartition(':')[2]} {resource.name}"


def headline(resource: Resource) -> str:
    """How a report calls any resource."""
    if not resource.custom:
        return component_name(resource)
    if resource.type.startswith("pulumi:providers:"):
        return f"provider {resource.name} ({resource.type.rpartition(':')[2]})"
    return called(resource)


def fact(resource: Resource) -> str:
    """The most important property of its kind; empty where the name is enough."""
    write = _FACTS.get(kind(resource))
    return write(resource) if write else ""


def _workload(resource: Resource) -> str:
    started = pod(resource)
    images = [_image(container) for container in started.containers.values()] if started else []
    replicas = dig(resource.inputs, "spec", "replicas")
    count = [] if replicas is None else [f"{replicas} {'replica' if replicas == 1 else 'replicas'}"]
    return ", ".join([*count, *dict.fromkeys(images)])


def _image(container: dict[str, Any]) -> str:
    """The image with its tag; of a digest the start, which tells it from others."""
    name, at, digest = str(container.get("image", "no image")).partition("@")
    return f"{name}{at}{digest.removeprefix('sha256:')[:12]}"


def _service(resource: Resource) -> str:
    spec = branch(resource.inputs, "spec")
    ports = [_port(port) for port in mappings(spec, "ports")]
    headless = spec.get("clusterIP") == "None"
    return f"{'headless' if headless else spec.get('type', 'ClusterIP')} {', '.join(ports)}"


def _port(port: dict[str, Any]) -> str:
    own = port.get("port")
    target = port.get("targetPort", own)
    return f"{own}" if target == own else f"{own}→{target}"


def _policy(resource: Resource) -> str:
    spec = branch(resource.inputs, "spec")
    counts = {way: len(entries(spec, way)) for way in ("ingress", "egress") if way in spec}
    named = [f"{count} {way} {'rule' if count == 1 else 'rules'}" for way, count in counts.items()]
    return ", ".join(named) or "denies " + " and ".join(entries(spec, "policyTypes")).lower()


def _hosts(resource: Resource) -> str:
    return f"allows {', '.join(named_hosts(resource)) or 'no host'}"


def _scaler(resource: Resource) -> str:
    spec = branch(resource.inputs, "spec")
    metrics = [
        str(dig(m, "resource", "name") or dig(m, "pods", "metric", "name") or m.get("type"))
        for m in mappings(spec, "metrics")
    ]
    span = f"{spec.get('minReplicas', 1)} to {spec.get('maxReplicas')} pods"
    return f"{span} by {', '.join(metrics)}" if metrics else span


def _scaled_object(resource: Resource) -> str:
    spec = branch(resource.inputs, "spec")
    triggers = [str(one.get("type")) for one in mappings(spec, "triggers")]
    span = f"{spec.get('minReplicaCount', 0)} to {spec.get('maxReplicaCount', 100)} pods"
    return f"{span} by {', '.join(triggers)}"


def _vertical_scaler(resource: Resource) -> str:
    spec = branch(resource.inputs, "spec")
    policies = entries(spec, "resourcePolicy", "containerPolicies")
    resized = [str(one.get("containerName")) for one in policies if one.get("mode") != "Off"]
    return f"{dig(spec, 'updatePolicy', 'updateMode') or 'Recreate'}: {', '.join(resized)}"


def _keys(resource: Resource) -> str:
    names = [*{**branch(resource.inputs, "data"), **branch(resource.inputs, "stringData")}]
    further = [f"and {len(names) - MOST_KEYS} more"] if len(names) > MOST_KEYS else []
    return ", ".join([*names[:MOST_KEYS], *further])


def _claim(resource: Resource) -> str:
    return str(dig(resource.inputs, "spec", "resources", "requests", "storage") or "")


def _namespace(resource: Resource) -> str:
    level = labels(resource).get("pod-security.kubernetes.io/enforce")
    return f"Pod Security {level}" if level else "no Pod Security"


def _budget(resource: Resource) -> str:
    spec = branch(resource.inputs, "spec")
    limits = ("minAvailable", "maxUnavailable")
    return ", ".join(f"{limit} {spec[limit]}" for limit in limits if limit in spec)


def _quota(resource: Resource) -> str:
    hard = branch(resource.inputs, "spec", "hard")
    return ", ".join(f"{name} {amount}" for name, amount in hard.items())


_FACTS: dict[str, Callable[[Resource], str]] = {
    "CiliumNetworkPolicy": _hosts,
    "ConfigMap": _keys,
    "CronJob": _workload,
    "DaemonSet": _workload,
    "Deployment": _workload,
    "HorizontalPodAutoscaler": _scaler,
    "Job": _workload,
    "Namespace": _namespace,
    "NetworkPolicy": _policy,
    "PersistentVolumeClaim": _claim,
    "PodDisruptionBudget": _budget,
    "ResourceQuota": _quota,
    "ScaledObject": _scaled_object,
    "Secret": _keys,
    "Service": _service,
    "StatefulSet": _workload,
    "VerticalPodAutoscaler": _vertical_scaler,
}
