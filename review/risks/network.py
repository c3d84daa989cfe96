"""Traffic that network policies denied before a change and allow after it."""

from __future__ import annotations

from collections.abc import Iterator

from graph.kubernetes import called, kind, namespace, pod
from graph.object_names import object_name
from graph.resource_graph import ResourceGraph
from graph.tree import dig, entries

from ..diff import Action, Change, Diff
from .allowed_traffic import grants, is_policy, isolations, policies
from .host_policies import is_host_policy, loosened_hosts


def loosened_policies(change: Change, diff: Diff) -> Iterator[str]:
    """Flows and hosts newly allowed, pods no longer isolated, mesh rules widened."""
    if change.action is Action.MOVE:
        return
    if is_policy(change.resource):
        yield from _allowed(change, diff)
        yield from _opened(change, diff)
    if is_host_policy(change.resource):
        yield from loosened_hosts(change, diff)
    yield from _escaped(change, diff)
    yield from _mesh(change)


def _allowed(change: Change, diff: Diff) -> Iterator[str]:
    if change.after is None:
        return
    known = [grant for policy in policies(diff.before) for grant in grants(policy)]
    closed = [one for policy in policies(diff.before) for one in isolations(policy)]
    for grant in grants(change.after):
        was_closed = any(isolation.overlaps(grant.scope) for isolation in closed)
        if was_closed and not any(old.covers(grant) for old in known):
            yield f"allows {grant}"


def _opened(change: Change, diff: Diff) -> Iterator[str]:
    if change.before is None or _namespace_leaves(namespace(change.before), diff):
        return
    closed = [one for policy in policies(diff.after) for one in isolations(policy)]
    for isolation in isolations(change.before):
        if not any(still.covers(isolation) for still in closed):
            way = isolation.direction.lower()
            yield f"{isolation.pods} of {isolation.namespace} are open to any {way} again"


def _namespace_leaves(name: str, diff: Diff) -> bool:
    return _has_namespace(name, diff.before) and not _has_namespace(name, diff.after)


def _has_namespace(name: str, graph: ResourceGraph) -> bool:
    spaces = (resource for resource in graph.resources if kind(resource) == "Namespace")
    return any(object_name(space) == name for space in spaces)


def _escaped(change: Change, diff: Diff) -> Iterator[str]:
    """New pod labels can take pods out of the policies that isolated them."""
    old, new = pod(change.before), pod(change.after)
    if old is None or new is None or change.before is None or change.after is None:
        return
    if old.labels == new.labels:
        return
    for direction in ("Ingress", "Egress"):
        was = _isolated(diff.before, namespace(change.before), dict(old.labels), direction)
        now = _isolated(diff.after, namespace(change.after), dict(new.labels), direction)
        if was and not now:
            way = direction.lower()
            yield f"{called(change.after)}: its new labels take it out of every {way} policy"


def _isolated(graph: ResourceGraph, space: str, labels: dict[str, object], direction: str) -> bool:
    return any(
        (one.namespace, one.direction) == (space, direction) and one.pods.selects(labels)
        for policy in policies(graph)
        for one in isolations(policy)
    )


def _mesh(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    match kind(change.resource):
        case "AuthorizationPolicy" if after is None:
            yield f"deletes {called(change.resource)}"
        case "AuthorizationPolicy" if before is not None and after is not None:
            if dig(after.inputs, "spec", "action") in (None, "ALLOW"):
                old = entries(before.inputs, "spec", "rules")
                added = [rule for rule in entries(after.inputs, "spec", "rules") if rule not in old]
                if added:
                    yield f"{called(after)} has new or wider rules: {len(added)}"
        case "PeerAuthentication" if before is not None:
            old = dig(before.inputs, "spec", "mtls", "mode")
            new = dig(after.inputs, "spec", "mtls", "mode") if after else None
            if old == "STRICT" and new != "STRICT":
                yield f"{called(before)} no longer demands mutual TLS: STRICT → {new or 'none'}"
        case _:
            return
