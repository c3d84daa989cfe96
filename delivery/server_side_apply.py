"""Deploys manifests by ``kubectl apply --server-side``; prunes objects that left the stack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from components.base.problems import Problem, ProblemReport

from .applyset import TYPE, as_list, members, release
from .kubectl import FIELD_MANAGER, Kubectl, Object, explain, listed, reference
from .progress import Progress


class Change(Enum):
    """How an apply changed an object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PRUNED = "pruned"


@dataclass(frozen=True)
class Applied:
    """The result of an apply: each object's change, in the order of the manifests."""

    changes: tuple[tuple[str, Change], ...]

    def counts(self) -> dict[str, int]:
        """Number of objects per kind of change, without zeros."""
        happened = [change for _, change in self.changes]
        return {change.value: happened.count(change) for change in Change if change in happened}

    def of(self, change: Change) -> list[str]:
        """References of the objects with this change."""
        return [name for name, happened in self.changes if happened is change]


class ImmutableJobs(ProblemReport):
    """The cluster refused to change the immutable template of these Jobs."""

    def __init__(self, problems: Iterable[Problem], names: Sequence[str]) -> None:
        super().__init__(problems)
        self.names = frozenset(names)


def apply(
    kubectl: Kubectl,
    stack: str,
    manifests: Sequence[Object],
    progress: Progress,
    *,
    made: Sequence[str] = (),
) -> Applied:
    """Apply all manifests in order and prune objects that the stack no longer has, except claims.

    Args:
        made: references of the namespaces that ``applyset.prepare`` has just created.

    Raises:
        ProblemReport: the cluster does not answer or refuses an object, or another field manager
            has changed a field that the stack owns.
    """
    text = as_list(manifests)
    found = kubectl.must("get", "--ignore-not-found", "--output=json", "--filename=-", stdin=text)
    before = {reference(thing): content(thing) for thing in listed(found)}
    manifests = [with_template_sizes(thing, before.get(reference(thing))) for thing in manifests]
    wanted = {reference(thing) for thing in manifests}
    belonging = members(kubectl, stack)
    kept = [one for one in belonging if _is_claim(one) and reference(one) not in wanted]
    if kept:
        release(kubectl, kept)
    belonged = [reference(thing) for thing in belonging if thing not in kept]
    try:
        after = _apply(kubectl, manifests, stack)
    except ImmutableJobs as refused:
        # A Job's template is immutable: delete the old Jobs and apply again.
        for job in manifests:
            if job["kind"] == "Job" and job["metadata"]["name"] in refused.names:
                progress.say(f"replacing {reference(job)}")
                where = f"--namespace={job['metadata'].get('namespace', 'default')}"
                kubectl.must("delete", "job", job["metadata"]["name"], where, "--timeout=60s")
                before.pop(reference(job), None)
        after = _apply(kubectl, manifests, stack)
    scaled = {reference(thing) for thing in manifests if _is_autoscaled(thing)}
    changes: dict[str, Change] = {}
    for thing in after:
        name = reference(thing)
        if name not in before or name in made:
            changes[name] = Change.CREATED
        else:
            pair = (before[name], content(thing))
            # An autoscaler may have changed the number of pods between the two.
            then, now = map(_without_number_of_pods, pair) if name in scaled else pair
            changes[name] = Change.UNCHANGED if then == now else Change.CHANGED
    pruned = {name: Change.PRUNED for name in belonged if name not in changes}
    return Applied(tuple((changes | pruned).items()))


def _is_autoscaled(thing: Object) -> bool:
    """Whether the stack leaves the number of pods to an autoscaler."""
    return thing["kind"] in ("Deployment", "StatefulSet") and "replicas" not in thing["spec"]


def _without_number_of_pods(thing: Object) -> Object:
    spec = {key: value for key, value in thing["spec"].items() if key != "replicas"}
    return {**thing, "spec": spec}


def _is_claim(thing: Object) -> bool:
    """Whether it is a claim, whose data stays when a service has fewer pods."""
    return thing["kind"] == "PersistentVolumeClaim"


def with_template_sizes(wanted: Object, present: Object | None) -> Object:
    """A StatefulSet with the sizes of volumes that the present one's templates have.

    The API server refuses to change them. The claims are objects of their own and grow.
    """
    templates = _templates(wanted)
    sizes = {one["metadata"]["name"]: one["spec"]["resources"] for one in _templates(present or {})}
    if wanted["kind"] != "StatefulSet" or not (templates and sizes):
        return wanted
    kept = [
        {**one, "spec": {**one["spec"], "resources": sizes[one["metadata"]["name"]]}}
        if one["metadata"]["name"] in sizes
        else one
        for one in templates
    ]
    return {**wanted, "spec": {**wanted["spec"], "volumeClaimTemplates": kept}}


def _templates(stateful_set: Object) -> list[Object]:
    return stateful_set.get("spec", {}).get("volumeClaimTemplates", [])


def _apply(kubectl: Kubectl, manifests: Sequence[Object], stack: str) -> list[Object]:
    """Run one ``kubectl apply`` with the stack's ApplySet; returns the resulting objects."""
    outcome = kubectl.run(
        "apply",
        "--server-side",
        f"--field-manager={FIELD_MANAGER}",
        "--validate=strict",
        "--output=json",
        "--prune",
        f"--applyset={TYPE}/{stack}",
        "--filename=-",
        stdin=as_list(manifests),
        timeout=300,
        env={"KUBECTL_APPLYSET": "true"},
    )
    if not outcome.ok:
        jobs = re.findall(r'Job(?:\.batch)? "([^"]+)" is invalid: .*immutable', outcome.err)
        if jobs:
            raise ImmutableJobs(explain(outcome.err, kubectl.context), jobs)
        raise ProblemReport(
            _with_objects(explain(outcome.err, kubectl.context), kubectl, manifests)
        )
    wanted = {reference(thing) for thing in manifests}
    return [thing for thing in listed(outcome.out) if reference(thing) in wanted]


SHOWN = 5
"""Most objects that a problem names."""
_OWN_MANAGERS = (FIELD_MANAGER, "pulumi", "kube-", "kubectl-applyset")
"""Beginnings of the names by which the two engines and the controllers of Kubernetes write."""


def _with_objects(
    problems: Iterable[Problem], kubectl: Kubectl, manifests: Sequence[Object]
) -> list[Problem]:
    """Problems whose path names the objects of a conflict: kubectl names only their fields."""
    found = list(problems)
    named = re.findall(r'conflicts? with "([^"]+)"', " ".join(one.what for one in found))
    if not named:
        return found
    present = kubectl.run(
        *("get", "--ignore-not-found", "--show-managed-fields", "--output=json", "--filename=-"),
        stdin=as_list(manifests),
    )
    objects = listed(present.out) if present.ok else []
    changed = [reference(one) for one in objects if set(named) & set(other_managers(one))]
    where = ", ".join([*found[0].path.split(", ")[:1], *changed[:SHOWN]])
    return [replace(one, path=where) for one in found]


def other_managers(thing: Object) -> list[str]:
    """Programs beside the stack and Kubernetes' controllers that have set fields of an object."""
    return sorted(
        {
            entry["manager"]
            for entry in thing["metadata"].get("managedFields", [])
            if "subresource" not in entry and not entry["manager"].startswith(_OWN_MANAGERS)
        }
    )


_KEPT_BY_THE_CLUSTER = frozenset(
    {"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"}
)
_REVISION = "deployment.kubernetes.io/revision"
"""Annotation that the controller of Deployments writes a moment after their creation."""


def content(thing: Object) -> Object:
    """The object without the fields that the cluster writes, such as ``status``."""
    metadata = {
        key: value for key, value in thing["metadata"].items() if key not in _KEPT_BY_THE_CLUSTER
    }
    annotations = {
        key: value for key, value in metadata.pop("annotations", {}).items() if key != _REVISION
    }
    rest = {key: value for key, value in thing.items() if key not in {"metadata", "status"}}
    return rest | {"metadata": metadata | ({"annotations": annotations} if annotations else {})}
