"""Finds changes of resources and properties that affect the bill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from components.clouds import billed_type
from graph.kubernetes import called

from .diff import Action, Change, Diff
from .risks.billed import Trend, billed_changes
from .risks.capacity import Demand, demand, scaler_limits


@dataclass(frozen=True, kw_only=True)
class CostChange:
    """The effect of one resource on the bill, in one direction.

    Attributes:
        urn: of the resource.
        resource: how a report calls it.
        what: what is paid for, and properties with their values before and after.
        trend: whether the bill rises.
    """

    urn: str
    resource: str
    what: str
    trend: Trend


def cost_changes(diff: Diff) -> tuple[CostChange, ...]:
    """The changes in ``diff`` that affect the bill: rises first, then by URN."""
    order = (Trend.MORE, Trend.UNKNOWN, Trend.LESS)
    found = [
        CostChange(urn=change.resource.urn, resource=called(change.resource),
                   what=", ".join(what), trend=trend)
        for change in diff.changes
        for trend, what in _by_trend(_found(change, diff)).items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (order.index(one.trend), one.urn)))


def _by_trend(found: Iterable[tuple[str, Trend]]) -> dict[Trend, list[str]]:
    grouped: dict[Trend, list[str]] = {}
    for what, trend in found:
        grouped.setdefault(trend, []).append(what)
    return grouped


def _found(change: Change, diff: Diff) -> Iterator[tuple[str, Trend]]:
    yield from _demanded(change, diff)
    for limit, low, high in scaler_limits(change):
        yield f"{limit} {low} → {high}", Trend.MORE if high > low else Trend.LESS
    row = billed_type(change.resource.type)
    if row and change.action is Action.ADD:
        yield f"added: {row.what}", Trend.MORE
    elif row and change.action is Action.DELETE and not change.resource.retain_on_delete:
        yield f"deleted: {row.what}", Trend.LESS
    for found in billed_changes(change):
        yield str(found), found.trend


def _demanded(change: Change, diff: Diff) -> Iterator[tuple[str, Trend]]:
    """What a Kubernetes object asks for at its largest scale, where that changes."""
    old = demand(change.before, diff.before) if change.before else Demand()
    new = demand(change.after, diff.after) if change.after else Demand()
    yield from ((rise, Trend.MORE) for rise in old.rises_to(new))
    for fall in new.rises_to(old):
        name, _, amounts = fall.rpartition(" → ")
        what, _, low = name.rpartition(" ")
        yield f"{what} {amounts} → {low}", Trend.LESS
