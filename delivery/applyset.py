"""What a stack has in a cluster when no engine remembers it: its ApplySet.

The ApplySet (KEP-3659) is an object whose annotations name every kind and namespace that the stack
uses; each applied object carries its id. A stack spans namespaces, so its ApplySet is an object
outside them, of a type of its own: ``kubectl get platforms`` lists what is deployed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Sequence

from components.base.problems import Problem, ProblemReport

from .kubectl import FIELD_MANAGER, Kubectl, Object, explain, listed, reference
from .progress import Progress

GROUP = "delivery.qudag.com"
TYPE = f"platforms.{GROUP}"

_PART_OF = "applyset.kubernetes.io/part-of"
_KINDS = "applyset.kubernetes.io/contains-group-kinds"
_ID = "applyset.kubernetes.io/id"
_TOOL = "applyset.kubernetes.io/tooling"
_TYPE_SECONDS = 30.0


def set_id(stack: str) -> str:
    """The label value that marks the stack's objects, as the ApplySet specification derives it."""
    digest = hashlib.sha256(f"{stack}..Platform.{GROUP}".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def _type() -> Object:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": TYPE, "labels": {"applyset.kubernetes.io/is-parent-type": "true"}},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {"kind": "Platform", "plural": "platforms", "singular": "platform"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }


def _parent(stack: str) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Platform",
        "metadata": {
            "name": stack,
            "labels": {_ID: set_id(stack)},
            "annotations": {_TOOL: "kubectl/v1.27", _KINDS: ""},
        },
    }


# ---- before an apply -----------------------------------------------------------------------------


def prepare(kubectl: Kubectl, stack: str, manifests: Sequence[Object]) -> list[str]:
    """Makes the stack's ApplySet and its namespaces, so that secrets are there before pods.

    Returns:
        References of the namespaces it made.
    """
    spaces = [manifest for manifest in manifests if manifest["kind"] == "Namespace"]
    names = [f"namespace/{space['metadata']['name']}" for space in spaces]
    there = {
        reference(thing): thing
        for thing in kubectl.objects(f"customresourcedefinition/{TYPE}", *names)
    }
    for name, thing in list(there.items()):
        if thing["metadata"].get("deletionTimestamp"):
            _wait_until_gone(kubectl, thing)
            del there[name]
    absent = [thing for thing in [_type(), *spaces] if reference(thing) not in there]
    if absent:
        kubectl.must(
            "apply",
            "--server-side",
            f"--field-manager={FIELD_MANAGER}",
            "--validate=false",  # the deployment proper validates; this fetches no schema
            "--filename=-",
            stdin=as_list([_member(thing, stack) for thing in absent]),
        )
    _make_parent(kubectl, stack)
    return [reference(thing) for thing in absent if thing["kind"] == "Namespace"]


def as_list(things: Sequence[Object]) -> str:
    """Objects as the one document that kubectl reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})


def _member(thing: Object, stack: str) -> Object:
    """A namespace as part of the stack's ApplySet; the type of all ApplySets as it is."""
    if thing["kind"] != "Namespace":
        return thing
    metadata = thing["metadata"]
    labels = metadata.get("labels", {}) | {_PART_OF: set_id(stack)}
    return thing | {"metadata": metadata | {"labels": labels}}


def _wait_until_gone(kubectl: Kubectl, thing: Object) -> None:
    what = f"{thing['kind'].lower()}/{thing['metadata']['name']}"
    kubectl.run("wait", "--for=delete", what, "--timeout=90s", timeout=100)
    if kubectl.objects(what):
        raise ProblemReport(
            [
                Problem(
                    reference(thing),
                    "it is still being deleted",
                    "nothing can be made in its place",
                    f"kubectl get {what} --output=yaml says what it waits for; "
                    "run this again when it is gone",
                )
            ]
        )


def _make_parent(kubectl: Kubectl, stack: str) -> None:
    """Makes the stack's ApplySet where it is absent; its type may be a moment old."""
    if _deployed(kubectl, stack) is not None:
        return
    deadline = time.monotonic() + _TYPE_SECONDS
    while True:
        made = kubectl.run(
            "create", "--validate=false", "--filename=-", stdin=json.dumps(_parent(stack))
        )
        if made.ok or "already exists" in made.err:
            return
        too_early = "no matches for kind" in made.err or "could not find" in made.err
        if not too_early or time.monotonic() > deadline:
            raise ProblemReport(explain(made.err, kubectl.context))
        time.sleep(0.2)


# ---- what is there -------------------------------------------------------------------------------


def _deployed(kubectl: Kubectl, stack: str) -> Object | None:
    """The stack's ApplySet as it stands in the cluster."""
    outcome = kubectl.run("get", "--ignore-not-found", "--output=json", f"{TYPE}/{stack}")
    if not outcome.ok and "doesn't have a resource type" in outcome.err:
        return None
    if not outcome.ok:
        raise ProblemReport(explain(outcome.err, kubectl.context))
    return next(iter(listed(outcome.out)), None)


def members(kubectl: Kubectl, stack: str) -> list[Object]:
    """All objects that the stack has in the cluster."""
    parent = _deployed(kubectl, stack)
    if parent is None:
        return []
    annotations: dict[str, str] = parent["metadata"].get("annotations", {})
    # Kind.group is an argument of kubectl in lower case.
    kinds = [kind.lower() for kind in annotations.get(_KINDS, "").split(",") if kind]
    if not kinds:
        return []
    selector = f"--selector={_PART_OF}={set_id(stack)}"
    return kubectl.objects(",".join(kinds), "--all-namespaces", selector)


def namespaces(kubectl: Kubectl, stack: str) -> list[str]:
    """Namespaces in which the stack has objects."""
    spaces = {thing["metadata"].get("namespace") for thing in members(kubectl, stack)}
    return sorted(space for space in spaces if space)


# ---- the end of a stack --------------------------------------------------------------------------


def delete(kubectl: Kubectl, stack: str, progress: Progress) -> int:
    """Deletes everything the stack has in the cluster, then its ApplySet; how many objects."""
    found = members(kubectl, stack)
    for things in _innermost_first(found):
        progress.say(f"deleting {len(things)} objects, {reference(things[0])} first")
        kubectl.must(
            "delete",
            "--ignore-not-found",
            "--timeout=180s",
            "--filename=-",
            stdin=as_list(things),
            timeout=200,
        )
    if _deployed(kubectl, stack) is not None:
        kubectl.must("delete", f"{TYPE}/{stack}")
        if not kubectl.objects(TYPE):
            kubectl.must("delete", "customresourcedefinition", TYPE)
    return len(found)


def _innermost_first(things: Sequence[Object]) -> Iterator[list[Object]]:
    """What lies in namespaces, then the namespaces and whatever else lies outside them."""
    for inside in (True, False):
        group = [thing for thing in things if ("namespace" in thing["metadata"]) is inside]
        if group:
            yield group
