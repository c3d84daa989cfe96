"""Properties of cloud resources that are billed, and whether a change raises the price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from components.base import quantities
from components.clouds import billed_type

from ..diff import Change
from ..properties import Difference, PropertyChange, path_pattern

# Names of properties that are billed in most types, also in those without a row.
_NUMBERS = {
    "allocatedStorage", "capacity", "cpu", "desiredCount", "instances", "maxCapacity",
    "maxInstanceCount", "maxReplicas", "maxSize", "memory", "memorySize", "minCapacity",
    "minInstanceCount", "minReplicas", "minSize", "nodeCount", "numCacheClusters",
    "provisionedConcurrentExecutions", "readCapacity", "replicas", "storageGb", "writeCapacity",
}  # fmt: skip
# Sizes that are named, not numbered: their order is in the cloud's price list only.
_SIZES = {"instanceClass", "instanceType", "nodeType", "skuName", "tier", "machineType", "vmSize"}


class Trend(StrEnum):
    """The effect of a change on the bill; ``UNKNOWN`` if it is only in the price list."""

    MORE = "more"
    LESS = "less"
    UNKNOWN = "see the price list"


@dataclass(frozen=True)
class BilledChange:
    """One property that is billed and changes."""

    path: str
    old: Any
    new: Any
    trend: Trend

    def __str__(self) -> str:
        return f"{self.path} {_written(self.old)} → {_written(self.new)}"


def billed_changes(change: Change) -> Iterator[BilledChange]:
    """The billed properties of a cloud's resource that change; it exists before and after."""
    before, after = change.before, change.after
    if before is None or after is None or after.is_kubernetes_object:
        return
    row = billed_type(after.type)
    patterns = [path_pattern(path) for path in row.properties] if row else []
    for found in change.properties:
        named = found.path.rpartition(".")[2] in _NUMBERS | _SIZES
        if named or any(pattern.match(found.path) for pattern in patterns):
            yield BilledChange(found.path, found.old, found.new, _trend(found))


def _trend(found: PropertyChange) -> Trend:
    if any(value is True for value in (found.old, found.new)):
        return Trend.MORE if found.new is True else Trend.LESS
    if found.difference is not Difference.CHANGED:
        return Trend.UNKNOWN
    old, new = _number(found.old), _number(found.new)
    if old is None or new is None or old == new:
        return Trend.UNKNOWN
    return Trend.MORE if new > old else Trend.LESS


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return quantities.quantity(value)
    except ValueError:
        return None


def _written(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else str(value)
