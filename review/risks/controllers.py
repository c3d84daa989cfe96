"""Objects of kinds that a cluster knows only once their controller is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from graph.kubernetes import called, kind

from ..diff import Change, Diff

CONTROLLERS: Final[Mapping[str, str]] = {
    "CiliumNetworkPolicy": "Cilium as its network plugin, with Cilium's DNS proxy",
    "ScaledObject": "KEDA (operator and metrics API server)",
    "VerticalPodAutoscaler": "the Vertical Pod Autoscaler (recommender, updater and admission "
    "controller)",
}
"""What acts on the objects of each kind, and brings its custom resource definition."""


def needed_controllers(change: Change, _diff: Diff) -> Iterator[str]:
    """A new object of such a kind: without the controller a deployment fails, or nothing acts."""
    if change.before is not None or change.after is None:
        return
    if controller := CONTROLLERS.get(kind(change.after)):
        yield f"{called(change.after)}: the cluster must run {controller}"
