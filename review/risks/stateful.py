"""Risks to stored data: a change that loses it, or that removes what protects it."""

from __future__ import annotations

from collections.abc import Iterator

from components.clouds import resource_type
from components.kubernetes.resource_types import kubernetes_type
from graph.kubernetes import bytes_, called, quantity
from graph.resource_graph import Resource
from graph.tree import dig

from ..diff import PROTECT, Action, Change, Diff

_UNKNOWN = "what may be stored in it"
_WITHOUT_STATE = ("pulumi:",)


def holds(resource: Resource) -> str | None:
    """The data that is lost when ``resource`` is deleted; None if there is none.

    A type without a row may hold data.
    """
    if resource.is_kubernetes_object:
        known = kubernetes_type(resource.type)
        return known.holds if known else _UNKNOWN
    if row := resource_type(resource.type):
        return row.holds
    return _UNKNOWN if _without_facts(resource) else None


def _without_facts(resource: Resource) -> bool:
    """Whether nothing is known of a provider's resource: neither replacements nor data."""
    from_provider = resource.custom and not resource.is_kubernetes_object
    return (
        from_provider
        and not resource.type.startswith(_WITHOUT_STATE)
        and resource_type(resource.type) is None
    )


def lost_state(change: Change, _diff: Diff) -> Iterator[str]:
    """A stateful resource is deleted or replaced; a ``Patch`` leaves its object in the cluster."""
    before = change.before
    if before is None or before.type.endswith("Patch") or (held := holds(before)) is None:
        return
    if change.action is Action.DELETE and not before.retain_on_delete:
        yield f"deletes {called(before)}, and with it {held}"
    elif change.action is Action.REPLACE:
        because = ", ".join(change.replacing)
        yield f"replaces {called(before)} and may lose {held}: {because} cannot be updated in place"


def unknown_type(change: Change, _diff: Diff) -> Iterator[str]:
    """A resource is changed whose type no cloud's ``facts.py`` has a row for."""
    before = change.before
    if before and change.action is Action.CHANGE and _without_facts(before):
        yield (
            f"changes {called(before)}, of the unknown type {before.type}: it may be replaced, and "
            "it may hold data"
        )


def unguarded_state(change: Change, _diff: Diff) -> Iterator[str]:
    """A stateful resource stays, but something that kept its state no longer does."""
    before, after = change.before, change.after
    if before is None or after is None or holds(before) is None:
        return
    if any(found.path == PROTECT and found.new is False for found in change.properties):
        yield f"no longer protects {called(after)} from deletion"
    for keeps, path in _RETENTION:
        old, new = dig(before.inputs, *path), dig(after.inputs, *path)
        if old == keeps and new != keeps:
            yield f"{called(after)}: {'.'.join(path)} goes from {keeps} to {new or 'its default'}"
    old, new = (dig(one.inputs, *_CLAIMED) for one in (before, after))
    if quantity(new) < quantity(old):
        sizes = f"{bytes_(quantity(old))} to {bytes_(quantity(new))}"
        yield f"shrinks {called(after)} from {sizes}, which a volume cannot do"


_RETENTION = (
    ("Retain", ("spec", "persistentVolumeReclaimPolicy")),
    ("Retain", ("spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")),
    ("Retain", ("spec", "persistentVolumeClaimRetentionPolicy", "whenScaled")),
    (True, ("deletionProtection",)),
    (True, ("deletionProtectionEnabled",)),
    (True, ("pointInTimeRecovery", "enabled")),
    (False, ("skipFinalSnapshot",)),
    (True, ("settings", "backupConfiguration", "enabled")),
    (True, ("settings", "deletionProtectionEnabled")),
    ("DELETE_PROTECTION_ENABLED", ("deleteProtectionState",)),
    ("Enabled", ("backup", "geoRedundantBackup")),
)
_CLAIMED = ("spec", "resources", "requests", "storage")
