"""Adds objects to Pulumi's state that a killed update created without recording them.

Pulumi records each operation before it starts. After a kill the operation stays pending: its object
may exist in the cluster and not in the state. Creating the object again would fail, or would give
its fields a second owner, with which the next change would conflict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .applyset import as_list
from .kubectl import Kubectl, Object, listed, reference

_MANAGER = "pulumi-kubernetes"


def operations(exported: str) -> list[Mapping[str, Any]]:
    """The pending operations in the output of ``pulumi stack export``."""
    deployment: Mapping[str, Any] = json.loads(exported).get("deployment") or {}
    return list(deployment.get("pending_operations") or ())


def resolved_state(exported: str, kubectl: Kubectl) -> str:
    """The state for ``pulumi stack import``: existing objects added, no pending operations."""
    document: dict[str, Any] = json.loads(exported)
    deployment: dict[str, Any] = document["deployment"]
    resources: list[dict[str, Any]] = deployment.setdefault("resources", [])
    known = {resource["urn"] for resource in resources}
    begun = {
        operation["resource"]["urn"]: operation["resource"]
        for operation in deployment.pop("pending_operations", ())
        if operation["type"] == "creating"
    }
    unknown = [resource for urn, resource in begun.items() if urn not in known]
    named = {resource["urn"]: _kubernetes_object(resource) for resource in unknown}
    there = _existing(kubectl, [thing for thing in named.values() if thing is not None])
    for resource in unknown:  # in the order of their start, so after their dependencies
        thing = named[resource["urn"]]
        live = there.get(reference(thing)) if thing else None
        if live is not None:
            resources.append(_adopted(resource, live))
    return json.dumps(document)


def remove_incomplete_files(backend: Path) -> None:
    """Delete incomplete files that a killed Pulumi left in its backend's folder.

    Pulumi writes a file atomically, but not its ``.attrs`` file. With an incomplete ``.attrs`` the
    file cannot be read; without ``.attrs`` it can.
    """
    for half in backend.rglob("*.tmp"):
        half.unlink(missing_ok=True)
    for attributes in backend.rglob("*.attrs"):
        try:
            json.loads(attributes.read_text())
        except ValueError:
            attributes.unlink()


def _kubernetes_object(resource: Mapping[str, Any]) -> Object | None:
    """Kind and name of a resource's Kubernetes object; None for other resources."""
    inputs: Mapping[str, Any] = resource.get("inputs") or {}
    metadata: Mapping[str, Any] = inputs.get("metadata") or {}
    if not (inputs.get("apiVersion") and inputs.get("kind") and metadata.get("name")):
        return None
    named = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {"apiVersion": inputs["apiVersion"], "kind": inputs["kind"], "metadata": named}


def _existing(kubectl: Kubectl, objects: Sequence[Object]) -> dict[str, Object]:
    """The objects that exist in the cluster, by reference."""
    if not objects:
        return {}
    found = kubectl.must(
        *("get", "--ignore-not-found", "--output=json", "--show-managed-fields", "--filename=-"),
        stdin=as_list(objects),
    )
    return {reference(thing): thing for thing in listed(found)}


def _adopted(resource: Mapping[str, Any], live: Object) -> dict[str, Any]:
    """The resource as the provider would record it; ``pulumi refresh`` adds the rest."""
    metadata: Mapping[str, Any] = live["metadata"]
    space, name = metadata.get("namespace"), metadata["name"]
    outputs: dict[str, Any] = {
        "__initialApiVersion": live["apiVersion"],
        "__inputs": resource["inputs"],
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"name": name, **({"namespace": space} if space else {})},
    }
    owners = [entry.get("manager", "") for entry in metadata.get("managedFields", ())]
    if ours := next((owner for owner in owners if owner.startswith(_MANAGER)), None):
        outputs["__fieldManager"] = ours
    return {**resource, "id": f"{space}/{name}" if space else name, "outputs": outputs}
