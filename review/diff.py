"""Compares two graphs: resources that are added, changed, replaced, moved or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from graph.kubernetes import address, group, kind
from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from graph.tree import branch, dig

from .properties import Difference, PropertyChange, path_pattern, property_changes
from .replacement import KUBERNETES_PROVIDER, PROVIDER, URN, replacing

PROTECT = "options.protect"
RETAIN = "options.retainOnDelete"


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REPLACE = "replace"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of one resource.

    Attributes:
        before: None when it is added.
        after: None when it is deleted.
        replacing: paths of the properties that cannot be updated in place.
        moved_from: the URN it had, where that was another one.
    """

    action: Action
    before: Resource | None = None
    after: Resource | None = None
    properties: tuple[PropertyChange, ...] = ()
    replacing: tuple[str, ...] = ()
    moved_from: str | None = None

    @property
    def resource(self) -> Resource:
        """As it will be; as it was when it is deleted."""
        known = self.after or self.before
        assert known is not None
        return known


@dataclass(frozen=True, kw_only=True)
class Diff:
    """All changes between two graphs, by URN, and how many resources stay as they are."""

    before: ResourceGraph
    after: ResourceGraph
    changes: tuple[Change, ...]
    unchanged: int
    outputs: tuple[PropertyChange, ...]

    @property
    def is_empty(self) -> bool:
        return not self.changes and not self.outputs

    def counts(self) -> dict[Action, int]:
        """How many resources each action happens to, every action named."""
        counted = Counter(change.action for change in self.changes)
        return {action: counted[action] for action in Action}


def diff(before: ResourceGraph, after: ResourceGraph) -> Diff:
    """The changes that turn ``before`` into ``after``.

    Resources are the same when their URNs are, or when one of the new one's aliases is the old
    one's URN. A Kubernetes object whose URN is new without an alias is replaced: the engine
    would make it anew and delete what has the old URN, which is the same object. Everything that
    a replaced provider manages is replaced with it.
    """
    pairs = list(_pairs(before, after))
    replaced = {
        new.urn
        for old, new in pairs
        if old
        and new.type == KUBERNETES_PROVIDER
        and replacing(old, None, property_changes(old.inputs, new.inputs))
    }
    compared = [(_change(old, new, after, replaced), new) for old, new in pairs]
    kept = {old.urn for old, _ in pairs if old}
    deleted = [
        Change(action=Action.DELETE, before=resource)
        for resource in before.resources
        if resource.urn not in kept and resource.type != STACK_TYPE
    ]
    changes = [change for change, _ in compared if change] + deleted
    return Diff(
        before=before,
        after=after,
        changes=tuple(sorted(changes, key=lambda change: change.resource.urn)),
        unchanged=sum(change is None for change, _ in compared),
        outputs=tuple(property_changes(before.outputs, after.outputs)),
    )


def _pairs(
    before: ResourceGraph, after: ResourceGraph
) -> Iterator[tuple[Resource | None, Resource]]:
    former = {resource.urn: _former(resource, before, after) for resource in after.resources}
    claimed = {old.urn for old in former.values() if old}
    gone = {
        _object(resource): resource
        for resource in before.resources
        if resource.is_kubernetes_object and resource.urn not in claimed
    }
    for resource in after.resources:
        if resource.type != STACK_TYPE:
            old = former[resource.urn]
            if old is None and resource.is_kubernetes_object:
                old = gone.pop(_object(resource), None)
            yield old, resource


def _former(resource: Resource, before: ResourceGraph, after: ResourceGraph) -> Resource | None:
    """What it was: by its URN, or by an alias that names no other resource of today."""
    aliases = [alias for alias in resource.aliases if alias not in after]
    return next((before.by_urn(urn) for urn in (resource.urn, *aliases) if urn in before), None)


def _object(resource: Resource) -> tuple[str, ...]:
    """What makes two Kubernetes objects the same one in a cluster."""
    return group(resource), kind(resource), address(resource)


def _change(
    before: Resource | None, after: Resource, graph: ResourceGraph, replaced: set[str]
) -> Change | None:
    if before is None:
        return Change(action=Action.ADD, after=after)
    provider = graph.find(after.provider)
    properties = (
        *_not_ignored(_compared(before, after), after.ignore_changes),
        *_option_changes(before, after, provider, replaced),
    )
    moved_from = before.urn if before.urn != after.urn else None
    if not properties and not moved_from:
        return None
    replaced_by = replacing(before, provider, properties)
    in_place = Action.CHANGE if properties else Action.MOVE
    action = Action.REPLACE if replaced_by else in_place
    return Change(
        action=action,
        before=before,
        after=after,
        properties=properties,
        replacing=replaced_by,
        moved_from=moved_from,
    )


def _compared(before: Resource, after: Resource) -> Iterator[PropertyChange]:
    """The properties that differ, without a digest of a file that one side did not read."""
    for found in property_changes(before.inputs, after.inputs):
        holder = found.path.removesuffix(".sha256").split(".")
        files = [dig(one.inputs, *holder) for one in (before, after)]
        one_sided = found.path.endswith(".sha256") and None in (found.old, found.new)
        if not (one_sided and all(set(branch(file)) - {"sha256"} == {"path"} for file in files)):
            yield found


def _not_ignored(
    found: Iterable[PropertyChange], ignored: Sequence[str]
) -> Iterator[PropertyChange]:
    """The changes that the engine does not ignore.

    It ignores a path with everything below it; ``[*]`` is every item of a list. A path with the
    number of an item that has a name here matches nothing: its change stays in the report.
    """
    patterns = [path_pattern(path) for path in ignored]
    for change in found:
        if not any(pattern.match(change.path) for pattern in patterns):
            yield change


def _option_changes(
    before: Resource, after: Resource, provider: Resource | None, replaced: set[str]
) -> Iterator[PropertyChange]:
    if before.urn not in (after.urn, *after.aliases):
        yield PropertyChange(URN, Difference.CHANGED, before.urn, after.urn)
    for path, old, new in (
        (PROTECT, before.protect, after.protect),
        (RETAIN, before.retain_on_delete, after.retain_on_delete),
    ):
        if old != new:
            yield PropertyChange(path, Difference.CHANGED, old, new)
    renamed = provider is not None and before.provider in provider.aliases
    if provider is not None and provider.urn in replaced:
        yield PropertyChange(PROVIDER, Difference.CHANGED, "the old cluster", "the new cluster")
    elif before.provider != after.provider and not renamed:
        yield PropertyChange(PROVIDER, Difference.CHANGED, before.provider, after.provider)
