"""Risk: production data in one pod alone, without a standby."""

from __future__ import annotations

from collections.abc import Iterator

from graph.kubernetes import called, kind, labels, namespace
from graph.object_names import object_name
from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch, dig

from ..diff import Change, Diff

_PRODUCTION = ("prod", "production")
"""Values of the label ``environment`` of a namespace."""


def single_copies(change: Change, diff: Diff) -> Iterator[str]:
    """A StatefulSet with volumes, in a namespace of production, is new with one pod or gets it."""
    before, after = change.before, change.after
    if after is None or not _is_alone(after, diff.after):
        return
    if before is None or not _is_alone(before, diff.before):
        yield (
            f"{called(after)} is one pod with a volume: while its node is down its data cannot be "
            "used, and a lost volume loses what is newer than the last backup"
        )


def _is_alone(workload: Resource, graph: ResourceGraph) -> bool:
    spec = branch(workload.inputs, "spec")
    if kind(workload) != "StatefulSet" or not spec.get("volumeClaimTemplates"):
        return False
    return spec.get("replicas", 1) == 1 and any(
        object_name(space) == namespace(workload)
        and dig(labels(space), "environment") in _PRODUCTION
        for space in graph.of_kind("Namespace")
    )
