"""Risks of a change to another Kubernetes cluster: objects created, deleted or left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graph.kubernetes import called, kind
from graph.resource_graph import Resource, ResourceGraph

from ..diff import Action, Change, Diff
from ..replacement import CLUSTER_KEYS, IDENTIFIER, KUBERNETES_PROVIDER
from .stateful import holds

_MOST_NAMED = 10


def another_cluster(change: Change, diff: Diff) -> Iterator[str]:
    """A Kubernetes provider gets another cluster.

    ``clusterIdentifier`` alone decides where it is set: the Kubernetes provider is replaced, and
    with it every object, exactly when the identifier changes.
    """
    before, after = change.before, change.after
    if before is None or after is None or after.type != KUBERNETES_PROVIDER:
        return
    moved = [found for found in change.properties if found.path in (*CLUSTER_KEYS, IDENTIFIER)]
    if not moved:
        return
    values = ", ".join(f"{one.path} {_shown(one.old)} → {_shown(one.new)}" for one in moved)
    if change.action is Action.REPLACE:
        yield f"provider {after.name} goes to another cluster and is replaced: {values}"
        yield from _replaced(_through(diff.before, before), _through(diff.after, after))
    elif any(found.path in ("context", "cluster") for found in moved):
        kept = before.inputs.get(IDENTIFIER)
        count = len(_through(diff.before, before))
        yield (
            f"provider {after.name}: {values}, but clusterIdentifier stays {kept}, so the engine "
            "takes both for one cluster and replaces nothing"
        )
        yield (
            f"of the {count} objects of provider {after.name}, those without other changes are "
            "not created in the new cluster, and all are left behind in the old one"
        )


def _replaced(old: list[Resource], new: list[Resource]) -> Iterator[str]:
    counts = Counter(kind(one) for one in new)
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    yield f"{len(new)} objects are created in the new cluster: {listed or 'none'}"
    deleted = [one for one in old if not one.retain_on_delete]
    yield (
        f"{len(deleted)} objects are then deleted from the old cluster, through the old provider: "
        "it must still be able to connect"
    )
    if stored := [called(one) for one in deleted if holds(one)]:
        yield f"data is not moved to the new cluster; it is deleted with {_some(stored)}"
    if guarded := [called(one) for one in old if one.protect]:
        yield f"the deployment stops, because these are protected: {_some(guarded)}"
    retained = [called(one) for one in old if one.retain_on_delete]
    also = f"{_some(retained)} (retain_on_delete), " if retained else ""
    yield (
        f"left behind in the old cluster: {also}volumes with the reclaim policy Retain, and what "
        "this stack does not manage"
    )


def _through(graph: ResourceGraph, provider: Resource) -> list[Resource]:
    return [
        one for one in graph.resources if one.provider == provider.urn and one.is_kubernetes_object
    ]


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shown(value: object) -> str:
    text = str(value)
    return "unset" if value is None else text if len(text) <= 60 else f"{text[:57]}…"
