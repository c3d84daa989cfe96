"""Counts the objects of a deployment in a cluster, without objects of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from delivery.kubectl import Kubectl


def objects(kubectl: Kubectl, others: frozenset[str]) -> Counter[str]:
    """The number of each object in the cluster, by kind, name and number of field managers.

    Generated names are replaced by their prefix and the object's purpose.

    Args:
        others: uids of objects that are not counted. What is in a namespace that is being deleted
            is not counted either: it disappears at any time.
    """
    found = [thing for thing in _lasting(kubectl) if not _has_ended(thing)]
    ending = {
        thing["metadata"]["name"]
        for thing in found
        if thing["kind"] == "Namespace" and "deletionTimestamp" in thing["metadata"]
    }
    return Counter(
        _called(thing)
        for thing in found
        if thing["metadata"].get("uid") not in others
        and thing["metadata"].get("namespace") not in ending
    )


def uids(kubectl: Kubectl) -> frozenset[str]:
    """The uids of all objects in the cluster."""
    return frozenset(thing["metadata"].get("uid", "") for thing in _lasting(kubectl))


def _lasting(kubectl: Kubectl) -> list[dict[str, Any]]:
    """All objects of kinds that last."""
    kinds = kubectl.must("api-resources", "--verbs=list", "--output=name").split()
    passing = ("events", "leases", "metrics.k8s.io", "componentstatuses")
    lasting = [kind for kind in kinds if not any(word in kind for word in passing)]
    return kubectl.objects(",".join(lasting), "--all-namespaces", "--show-managed-fields")


def _called(thing: Mapping[str, Any]) -> str:
    metadata = thing["metadata"]
    name = metadata["name"]
    if drawn := metadata.get("generateName"):
        name = f"{drawn}*"
    drawn_for = {"PersistentVolume": "claimRef", "IPAddress": "parentRef"}
    if field := drawn_for.get(thing["kind"]):
        owner = thing["spec"][field]
        name = f"for {owner['namespace']}/{owner['name']}"
    owners = [one for one in metadata.get("managedFields", ()) if one["operation"] == "Apply"]
    applied = f" (applied by {len(owners)})" if owners else ""
    return "/".join((thing["kind"], metadata.get("namespace", ""), name)) + applied


def _has_ended(thing: Mapping[str, Any]) -> bool:
    """Whether it is a finished pod of a Job, whose number of attempts may vary."""
    return thing["kind"] == "Pod" and thing["status"].get("phase") in {"Succeeded", "Failed"}
