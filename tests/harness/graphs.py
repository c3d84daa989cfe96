"""Builds graphs by hand, for tests of code that reads graphs."""

from __future__ import annotations

from typing import Any

from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from review.diff import Change, Diff, diff
from review.risk import risks
from review.risks.classes import RiskClass

ROOT = "urn:pulumi:dev::qudag-mcp::pulumi:pulumi:Stack::qudag-mcp-dev"
_GROUPS = {"core": "", "networking": "networking.k8s.io/", "rbac": "rbac.authorization.k8s.io/"}


def kube(
    type: str,
    name: str,
    *,
    namespace: str | None = "core",
    secrets: tuple[str, ...] = (),
    **inputs: Any,
) -> Resource:
    """A Kubernetes object; ``type`` is like ``apps/v1:Deployment``, with a short or full group."""
    api, kind = type.split(":")
    short, version = api.split("/")
    prefix = _GROUPS.get(short, f"{short}/")
    metadata = {"name": name} | inputs.pop("metadata", {})
    if namespace:
        metadata["namespace"] = namespace
    token = f"kubernetes:{prefix or 'core/'}{version}:{kind}"
    stated = {"apiVersion": f"{prefix}{version}", "kind": kind, "metadata": metadata}
    return Resource(
        urn=f"urn:pulumi:dev::qudag-mcp::{token}::{name}",
        type=token,
        name=name,
        parent=ROOT,
        inputs=stated | inputs,
        secret_inputs=secrets,
    )


def cloud(type: str, name: str, **inputs: Any) -> Resource:
    """A resource of a cloud."""
    return Resource(
        urn=f"urn:pulumi:dev::qudag-mcp::{type}::{name}",
        type=type,
        name=name,
        parent=ROOT,
        inputs=inputs,
    )


def graph(*resources: Resource, **outputs: Any) -> ResourceGraph:
    """A stack of ``resources`` that exports ``outputs``."""
    stack = Resource(urn=ROOT, type=STACK_TYPE, name="qudag-mcp-dev", custom=False, outputs=outputs)
    return ResourceGraph(project="qudag-mcp", stack="dev", resources=(stack, *resources))


def changed(before: Resource | None, after: Resource | None, *others: Resource) -> Diff:
    """The diff for the change of one resource; ``others`` stay unchanged."""
    old = [resource for resource in (before, *others) if resource]
    new = [resource for resource in (after, *others) if resource]
    return diff(graph(*old), graph(*new))


def only_change(before: Resource | None, after: Resource | None) -> Change:
    (change,) = changed(before, after).changes
    return change


def findings(
    risk: RiskClass, before: Resource | None, after: Resource | None, *others: Resource
) -> list[str]:
    """The findings of one risk class for the change of one resource."""
    return [one.what for one in risks(changed(before, after, *others)) if one.risk is risk]


def container(name: str = "server", **fields: Any) -> dict[str, Any]:
    """A container that meets Pod Security "restricted", with a read-only file system."""
    hardened = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {"name": name, "image": f"{name}:1", "securityContext": hardened} | fields


def workload(
    *containers: dict[str, Any],
    type: str = "apps/v1:Deployment",
    name: str = "core",
    labels: dict[str, str] | None = None,
    pod: dict[str, Any] | None = None,
    **spec: Any,
) -> Resource:
    """A workload of hardened pods without a service account token."""
    chosen = labels or {"app": name}
    template = {
        "metadata": {"labels": chosen},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": list(containers or (container(),)),
        }
        | (pod or {}),
    }
    return kube(
        type,
        name,
        spec={"selector": {"matchLabels": {"app": name}}, "template": template} | spec,
    )
