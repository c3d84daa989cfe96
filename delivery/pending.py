"""Brings to an end what an update that was killed left open in Pulumi's state.

Pulumi notes each operation before it begins. One that was cut off is noted for good: its object may
be in the cluster and not in the state, and to create it again would fail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .applyset import as_list
from .kubectl import Kubectl, Object, listed, reference

Operation = Mapping[str, Any]


def operations(exported: str) -> list[Operation]:
    """The open operations in what ``pulumi stack export`` says."""
    deployment: Mapping[str, Any] = json.loads(exported).get("deployment") or {}
    return list(deployment.get("pending_operations") or ())


def settling_flags(kubectl: Kubectl, open_ones: Sequence[Operation]) -> list[str]:
    """What makes ``pulumi refresh`` end them: it takes in what was made, and drops the rest."""
    flags = ["--clear-pending-creates"]
    creations = {
        operation["resource"]["urn"]: _object(operation["resource"])
        for operation in open_ones
        if operation["type"] == "creating"
    }
    objects = {urn: thing for urn, thing in creations.items() if thing is not None}
    there = _those_there(kubectl, list(objects.values()))
    for urn, thing in objects.items():
        if reference(thing) in there:
            metadata = thing["metadata"]
            space = metadata.get("namespace")
            name = f"{space}/{metadata['name']}" if space else metadata["name"]
            flags += [f"--import-pending-creates={urn}", f"--import-pending-creates={name}"]
    return flags


def remove_halves(backend: Path) -> None:
    """Deletes files that a killed Pulumi was writing: each gets its name when it is whole."""
    for half in backend.rglob("*.tmp"):
        half.unlink(missing_ok=True)


def _object(resource: Mapping[str, Any]) -> Object | None:
    """The Kubernetes object of a resource, as far as it names one; None where it is none."""
    inputs: Mapping[str, Any] = resource.get("inputs") or {}
    metadata: Mapping[str, Any] = inputs.get("metadata") or {}
    if not (inputs.get("apiVersion") and inputs.get("kind") and metadata.get("name")):
        return None
    named = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {"apiVersion": inputs["apiVersion"], "kind": inputs["kind"], "metadata": named}


def _those_there(kubectl: Kubectl, objects: Sequence[Object]) -> set[str]:
    """References of those that the cluster has."""
    if not objects:
        return set()
    text = kubectl.must(
        "get", "--ignore-not-found", "--output=json", "--filename=-", stdin=as_list(objects)
    )
    return {reference(thing) for thing in listed(text)}
