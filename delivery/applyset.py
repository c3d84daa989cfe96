"""The ApplySet of a stack: records its objects in the cluster when kubectl deploys without Pulumi.

The ApplySet (KEP-3659) is an object whose annotations name every kind and namespace that the stack
uses. Each applied object has the ApplySet's id as a label. A stack spans namespaces, so its
ApplySet is cluster-scoped and has its own type: ``kubectl get platforms`` lists what is deployed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Sequence

from components.base.problems import Problem, ProblemReport
from components.kubernetes.namespace import STACK

from .kubectl import FIELD_MANAGER, Kubectl, Object, explain, listed, reference
from .progress import Progress

GROUP = "delivery.qudag.com"
TYPE = f"platforms.{GROUP}"

_PART_OF = "applyset.kubernetes.io/part-of"
_KINDS = "applyset.kubernetes.io/contains-group-kinds"
_ID = "applyset.kubernetes.io/id"
_TOOL = "applyset.kubernetes.io/tooling"
_TYPE_SECONDS = 30.0
_PODS_SECONDS = 60.0


def set_id(stack: str) -> str:
    """The ApplySet id, the label value of the stack's objects, as KEP-3659 derives it."""
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
    """Create the stack's ApplySet and namespaces, so that secrets can be created before pods.

    Returns:
        References of the namespaces that were created.

    Raises:
        ProblemReport: a namespace is of another stack.
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
    spaces_there = [there[name] for name in map(reference, spaces) if name in there]
    if taken := [space for space in spaces_there if _is_of_another(space, stack)]:
        raise ProblemReport(_taken(space, stack) for space in taken)
    absent = [thing for thing in [_type(), *spaces] if reference(thing) not in there]
    if absent:
        kubectl.must(
            "apply",
            "--server-side",
            f"--field-manager={FIELD_MANAGER}",
            "--validate=false",  # the apply of all manifests validates
            "--filename=-",
            stdin=as_list([_member(thing, stack) for thing in absent]),
        )
    _make_parent(kubectl, stack)
    return [reference(thing) for thing in absent if thing["kind"] == "Namespace"]


def _is_of_another(space: Object, stack: str) -> bool:
    return space["metadata"].get("labels", {}).get(_PART_OF) not in (None, set_id(stack))


def _taken(space: Object, stack: str) -> Problem:
    owner = space["metadata"].get("annotations", {}).get(STACK, "another stack")
    return Problem(
        reference(space),
        f"the namespace belongs to {owner}, and {stack} would deploy to it as well",
        "each of the two would change and delete objects of the other",
        "set another kubernetes.namespace, or take the other stack down first",
    )


def as_list(things: Sequence[Object]) -> str:
    """The objects as a JSON ``List``, for kubectl's standard input."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})


def _member(thing: Object, stack: str) -> Object:
    """A namespace with the ApplySet's label; the custom resource definition unchanged."""
    if not _is_space(thing):
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
                    "no object of this name can be created",
                    f"kubectl get {what} --output=yaml shows its finalizers; "
                    "run this again when it is deleted",
                )
            ]
        )


def _make_parent(kubectl: Kubectl, stack: str) -> None:
    """Create the stack's ApplySet if absent; retries while its type is not served yet."""
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


# ---- deployed objects ----------------------------------------------------------------------------


def _deployed(kubectl: Kubectl, stack: str) -> Object | None:
    """The stack's ApplySet in the cluster, or None."""
    outcome = kubectl.run("get", "--ignore-not-found", "--output=json", f"{TYPE}/{stack}")
    if not outcome.ok and "doesn't have a resource type" in outcome.err:
        return None
    if not outcome.ok:
        raise ProblemReport(explain(outcome.err, kubectl.context))
    return next(iter(listed(outcome.out)), None)


def members(kubectl: Kubectl, stack: str) -> list[Object]:
    """All objects of the stack in the cluster."""
    parent = _deployed(kubectl, stack)
    if parent is None:
        return []
    annotations: dict[str, str] = parent["metadata"].get("annotations", {})
    # the annotation has Kind.group, kubectl expects lower case
    kinds = [kind.lower() for kind in annotations.get(_KINDS, "").split(",") if kind]
    if not kinds:
        return []
    selector = f"--selector={_PART_OF}={set_id(stack)}"
    return kubectl.objects(",".join(kinds), "--all-namespaces", selector)


def release(kubectl: Kubectl, things: Sequence[Object]) -> None:
    """Take objects out of their ApplySet and leave them in the cluster."""
    for thing in things:
        metadata = thing["metadata"]
        kubectl.must(
            "label",
            f"{thing['kind'].lower()}/{metadata['name']}",
            f"--namespace={metadata['namespace']}",
            f"{_PART_OF}-",
        )


def namespaces(kubectl: Kubectl, stack: str) -> list[str]:
    """Namespaces in which the stack has objects."""
    spaces = {thing["metadata"].get("namespace") for thing in members(kubectl, stack)}
    return sorted(space for space in spaces if space)


# ---- deletion ------------------------------------------------------------------------------------


def delete(kubectl: Kubectl, stack: str, progress: Progress, *, at_once: bool = False) -> int:
    """Delete all objects of the stack, then its ApplySet; returns the number of objects.

    Args:
        at_once: kill the pods of the stack's namespaces instead of letting them finish calls.
    """
    found = members(kubectl, stack)
    for things in _innermost_first(found):
        progress.say(f"deleting {len(things)} objects, {reference(things[0])} first")
        command = ("delete", "--ignore-not-found", "--timeout=180s", "--filename=-")
        if at_once and "namespace" in things[0]["metadata"]:
            kubectl.must(*command, "--wait=false", stdin=as_list(things))
            _kill_pods(kubectl, [one["metadata"]["name"] for one in found if _is_space(one)])
        kubectl.must(*command, stdin=as_list(things), timeout=200)
    if _deployed(kubectl, stack) is not None:
        kubectl.must("delete", f"{TYPE}/{stack}")
        if not kubectl.objects(TYPE):
            kubectl.must("delete", "customresourcedefinition", TYPE)
    return len(found)


def _is_space(thing: Object) -> bool:
    return thing["kind"] == "Namespace"


def _kill_pods(kubectl: Kubectl, spaces: Sequence[str]) -> None:
    """Kill the pods of namespaces whose workloads are being deleted, until none is left.

    If pods are left when a namespace is deleted, its controller looks for them again only after
    half of their grace period.
    """
    deadline = time.monotonic() + _PODS_SECONDS
    for space in spaces:
        where = f"--namespace={space}"
        while kubectl.objects("pods,replicasets", where) and time.monotonic() < deadline:
            kubectl.run("delete", "pods", "--all", where, "--grace-period=0", "--force")
            time.sleep(0.3)


def _innermost_first(things: Sequence[Object]) -> Iterator[list[Object]]:
    """Namespaced objects first, then namespaces and other cluster-scoped objects."""
    for inside in (True, False):
        group = [thing for thing in things if ("namespace" in thing["metadata"]) is inside]
        if group:
            yield group
