"""A deployment without an engine: server-side apply, with an ApplySet that knows what to prune.

The ApplySet (KEP-3659) is an object whose annotations name every kind and namespace that the stack
uses; each applied object carries its id. What carries the id and is no longer in the stack is
deleted. A stack spans namespaces, so its ApplySet is an object outside them, of a type of its own:
``kubectl get platforms`` lists what is deployed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from stacks.problems import Problem, ProblemReport

from .kubectl import FIELD_MANAGER, Kubectl, Object, explain, listed, reference
from .progress import Progress

GROUP = "delivery.qudag.com"
PARENT_TYPE = f"platforms.{GROUP}"

PART_OF = "applyset.kubernetes.io/part-of"
KINDS = "applyset.kubernetes.io/contains-group-kinds"
ID = "applyset.kubernetes.io/id"
TOOL = "applyset.kubernetes.io/tooling"


class Change(Enum):
    """What an apply did to an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"


@dataclass(frozen=True)
class Applied:
    """What an apply did, object by object, in the order of the manifests."""

    changes: tuple[tuple[str, Change], ...]

    def of(self, change: Change) -> list[str]:
        return [name for name, happened in self.changes if happened is change]

    @property
    def nothing_changed(self) -> bool:
        return all(change is Change.UNCHANGED for _, change in self.changes)


def set_id(stack: str) -> str:
    """The label value that marks the stack's objects, as the ApplySet specification derives it."""
    digest = hashlib.sha256(f"{stack}..Platform.{GROUP}".encode()).digest()
    return f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"


def _parent_type() -> Object:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": PARENT_TYPE,
            "labels": {"applyset.kubernetes.io/is-parent-type": "true"},
        },
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
            "labels": {ID: set_id(stack)},
            "annotations": {TOOL: "kubectl/v1.27", KINDS: ""},
        },
    }


def make_parent(kubectl: Kubectl, stack: str) -> None:
    """Makes the stack's ApplySet where it is absent."""
    if not kubectl.objects("customresourcedefinition", PARENT_TYPE):
        _apply(kubectl, [_parent_type()])
        kubectl.must(
            "wait", "--for=condition=Established", f"crd/{PARENT_TYPE}", "--timeout=30s", timeout=40
        )
    if _deployed(kubectl, stack) is None:
        kubectl.must("create", "--filename=-", stdin=json.dumps(_parent(stack)))


class ImmutableJobs(ProblemReport):
    """Jobs that would have to be other Jobs; a second refusal is the user's to read."""

    def __init__(self, problems: Iterable[Problem], names: Sequence[str]) -> None:
        super().__init__(problems)
        self.names = frozenset(names)


_FIRST = ("Namespace", "CustomResourceDefinition", "StorageClass", "PriorityClass")
_LAST = ("Job", "Deployment", "StatefulSet", "DaemonSet", "Pod", "CronJob")


def in_order(manifests: Iterable[Object]) -> list[Object]:
    """Namespaces before what lives in them, configuration before the workloads that read it."""

    def rank(manifest: Object) -> int:
        kind = manifest["kind"]
        if kind in _FIRST:
            return _FIRST.index(kind) - len(_FIRST)
        return 1 + (_LAST.index(kind) if kind in _LAST else -1)

    return sorted(manifests, key=rank)


def make_namespaces(kubectl: Kubectl, stack: str, manifests: Sequence[Object]) -> list[str]:
    """Makes the namespaces that are absent, so that secrets can be there before their readers.

    Returns:
        References of those it made.
    """
    spaces = [manifest for manifest in manifests if manifest["kind"] == "Namespace"]
    if not spaces:
        return []
    names = [space["metadata"]["name"] for space in spaces]
    there = {space["metadata"]["name"]: space for space in kubectl.objects("namespace", *names)}
    for name, space in list(there.items()):
        if space["metadata"].get("deletionTimestamp"):
            kubectl.run("wait", "--for=delete", f"namespace/{name}", "--timeout=90s", timeout=100)
            if kubectl.objects("namespace", name):
                raise ProblemReport([_still_ending(name)])
            del there[name]
    absent = [_labelled(space, stack) for space in spaces if space["metadata"]["name"] not in there]
    if absent:
        _apply(kubectl, absent)
    return [reference(space) for space in absent]


def _labelled(thing: Object, stack: str) -> Object:
    """The object as a member of the stack's ApplySet."""
    metadata = thing["metadata"]
    labels = metadata.get("labels", {}) | {PART_OF: set_id(stack)}
    return thing | {"metadata": metadata | {"labels": labels}}


def _still_ending(name: str) -> Problem:
    return Problem(
        f"namespace {name}",
        "it is still being deleted",
        "nothing can be made in it",
        f"kubectl get namespace {name} --output=yaml says what it waits for; "
        "run this again when it is gone",
    )


def prepare(kubectl: Kubectl, stack: str, manifests: Sequence[Object]) -> list[str]:
    """Makes the stack's ApplySet and its namespaces; references of the namespaces it made."""
    make_parent(kubectl, stack)
    return make_namespaces(kubectl, stack, manifests)


def apply(
    kubectl: Kubectl,
    stack: str,
    manifests: Sequence[Object],
    progress: Progress,
    *,
    made: Sequence[str] = (),
) -> Applied:
    """Applies all manifests, prunes what the stack no longer holds, and says what changed.

    Args:
        made: what ``prepare`` has just made.

    Raises:
        ProblemReport: the cluster cannot be reached, refuses an object, or somebody else has
            changed a field that the stack owns.
    """
    ordered = in_order(manifests)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": ordered})
    before = {
        reference(thing): _content(thing)
        for thing in listed(
            kubectl.must("get", "--ignore-not-found", "--output=json", "--filename=-", stdin=text)
        )
    }
    members = _members(kubectl, stack)
    try:
        after = _apply(kubectl, ordered, stack)
    except ImmutableJobs as refused:
        # Kubernetes lets nobody change a Job's template: the old one goes, the new one runs.
        for job in (thing for thing in ordered if thing["kind"] == "Job"):
            if job["metadata"]["name"] in refused.names:
                progress.say(f"replacing {reference(job)}")
                where = f"--namespace={job['metadata'].get('namespace', 'default')}"
                kubectl.must("delete", "job", job["metadata"]["name"], where, "--timeout=60s")
                before.pop(reference(job), None)
        after = _apply(kubectl, ordered, stack)
    changes: list[tuple[str, Change]] = []
    for thing in after:
        name = reference(thing)
        if name not in before or name in made:
            changes.append((name, Change.CREATED))
        else:
            same = before[name] == _content(thing)
            changes.append((name, Change.UNCHANGED if same else Change.CHANGED))
    applied = {name for name, _ in changes}
    changes += [(name, Change.PRUNED) for name in members if name not in applied]
    return Applied(tuple(changes))


def _apply(kubectl: Kubectl, manifests: Sequence[Object], stack: str | None = None) -> list[Object]:
    """One ``kubectl apply``; with a stack, as its ApplySet."""
    pruning = ["--prune", f"--applyset={PARENT_TYPE}/{stack}"] if stack else []
    outcome = kubectl.run(
        "apply",
        "--server-side",
        f"--field-manager={FIELD_MANAGER}",
        "--validate=strict",
        "--output=json",
        *pruning,
        "--filename=-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}),
        timeout=300,
        env={"KUBECTL_APPLYSET": "true"},
    )
    if not outcome.ok:
        jobs = re.findall(r'Job(?:\.batch)? "([^"]+)" is invalid: .*immutable', outcome.err)
        if jobs:
            raise ImmutableJobs(explain(outcome.err, kubectl.context), jobs)
        raise ProblemReport(explain(outcome.err, kubectl.context))
    wanted = {(thing["kind"], thing["metadata"]["name"]) for thing in manifests}
    return [
        thing
        for thing in listed(outcome.out)
        if (thing["kind"], thing["metadata"]["name"]) in wanted
    ]


def _content(thing: Object) -> Object:
    """An object without what the cluster keeps for itself in it."""
    metadata = {
        key: value
        for key, value in thing["metadata"].items()
        if key not in {"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"}
    }
    rest = {key: value for key, value in thing.items() if key not in {"metadata", "status"}}
    return rest | {"metadata": metadata}


# ---- what a stack has in a cluster -----------------------------------------------------------


def _deployed(kubectl: Kubectl, stack: str) -> Object | None:
    """The stack's ApplySet as it stands in the cluster."""
    outcome = kubectl.run("get", "--ignore-not-found", "--output=json", f"{PARENT_TYPE}/{stack}")
    if not outcome.ok and "doesn't have a resource type" in outcome.err:
        return None
    if not outcome.ok:
        raise ProblemReport(explain(outcome.err, kubectl.context))
    return next(iter(listed(outcome.out)), None)


def _members(kubectl: Kubectl, stack: str) -> list[str]:
    """References of all objects that the stack has in the cluster."""
    return [reference(thing) for thing in _found(kubectl, stack)]


def _found(kubectl: Kubectl, stack: str) -> Iterator[Object]:
    parent = _deployed(kubectl, stack)
    if parent is None:
        return
    annotations = parent["metadata"].get("annotations", {})
    kinds = [_resource(kind) for kind in annotations.get(KINDS, "").split(",") if kind]
    if kinds:
        yield from kubectl.objects(
            ",".join(kinds), "--all-namespaces", f"--selector={PART_OF}={set_id(stack)}"
        )


def _resource(group_kind: str) -> str:
    """``Kind.group`` as a resource argument, which kubectl reads in lower case."""
    return group_kind.lower()


def delete(kubectl: Kubectl, stack: str, progress: Progress) -> int:
    """Deletes everything the stack has in the cluster, then its ApplySet; how many objects."""
    found = list(_found(kubectl, stack))
    for things in reversed(_by_rank(found)):
        progress.say(f"deleting {', '.join(reference(thing) for thing in things[:3])} …")
        kubectl.must(
            "delete",
            "--ignore-not-found",
            "--wait",
            "--timeout=180s",
            "--filename=-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": things}),
            timeout=200,
        )
    if _deployed(kubectl, stack) is not None:
        kubectl.must("delete", f"{PARENT_TYPE}/{stack}")
        if not kubectl.objects(PARENT_TYPE):
            kubectl.must("delete", "customresourcedefinition", PARENT_TYPE)
    return len(found)


def _by_rank(things: Iterable[Object]) -> list[list[Object]]:
    """Cluster-wide things apart from the rest, which must go first."""
    outer = [thing for thing in things if "namespace" not in thing["metadata"]]
    inner = in_order(thing for thing in things if "namespace" in thing["metadata"])
    return [group for group in (outer, inner) if group]


def namespaces(kubectl: Kubectl, stack: str) -> list[str]:
    """Namespaces in which the stack has objects."""
    found = _found(kubectl, stack)
    spaces = {thing["metadata"].get("namespace") for thing in found}
    return sorted(space for space in spaces if space)
