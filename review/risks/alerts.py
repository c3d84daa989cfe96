"""Finds alerts that are removed or fire later, and receivers that are no longer notified."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from components.clouds import resource_type
from graph.kubernetes import called
from graph.resource_graph import SECRET, UNKNOWN, Resource
from graph.tree import branch, dig, entries

from ..diff import Change, Diff
from ..properties import PropertyChange, property_changes
from .alert_rules import (
    AlertRule,
    alert_rules,
    all_alert_rules,
    all_receivers,
    all_recorded,
    receivers,
    recorded_series,
    routes,
)

MOST_NAMES: Final = 6
"""Alerts that one finding names; a stack has more than 60."""


def weakened_alerts(change: Change, diff: Diff) -> Iterator[str]:
    """An alert of a rule file that no rule file has any more, or that fires less than before."""
    if change.before is None or _is_hidden(change.after):
        return
    before = alert_rules(change.before)
    if not before or (change.after is not None and alert_rules(change.after) == before):
        return
    after = all_alert_rules(diff.after)
    removed = list(dict.fromkeys(rule.name for rule in before if rule.name not in after))
    if removed:
        yield f"removes {_listed(removed)}"
    changed: list[str] = []
    for rule in before:
        now = after.get(rule.name, [])
        if rule in now or not now:
            continue
        most_like = min(now, key=lambda one: _differences(rule, one))
        if most_like.fires_otherwise_than(rule) and rule.name not in changed:
            changed.append(rule.name)
        for how in most_like.weaker_than(rule):
            yield f"the alert {rule.name} {how}"
    if len(changed) == 1:
        yield f"the expression of the alert {changed[0]} changes: check that it still fires"
    elif changed:
        names = ", ".join(changed)
        yield f"the expressions of {len(changed)} alerts change: check that they fire: {names}"


def changed_recorded_series(change: Change, diff: Diff) -> Iterator[str]:
    """Recorded series that alerts read, and that are other ones now or are recorded no more."""
    if change.before is None or _is_hidden(change.after):
        return
    before = recorded_series(change.before)
    if not before or (change.after is not None and recorded_series(change.after) == before):
        return
    now = all_recorded(diff.after)
    changed = [name for name, rules in before.items() if not rules <= now.get(name, set())]
    alerts = {
        name: {one.expression for one in rules}
        for name, rules in all_alert_rules(diff.after).items()
    }
    readers = {one: _reading(one, now, alerts) for one in changed}
    read = [one for one, found in readers.items() if found]
    if read:
        names = ", ".join(dict.fromkeys(name for one in read for name in readers[one]))
        what = f"the recorded series {', '.join(read)}"
        yield f"changes {what}: check that the alerts on it still fire: {names}"


def _reading(
    series: str, recorded: Mapping[str, Collection[str]], alerts: Mapping[str, Collection[str]]
) -> list[str]:
    """The alerts that read a series, or another one that is recorded from it."""
    affected = [series]
    for name in affected:
        read = re.compile(rf"(?<![\w:]){re.escape(name)}(?![\w:])")
        affected += [
            one
            for one, rules in recorded.items()
            if one not in affected and any(read.search(rule) for rule in rules)
        ]
    read = re.compile("|".join(rf"(?<![\w:]){re.escape(name)}(?![\w:])" for name in affected))
    return [name for name, rules in alerts.items() if any(read.search(rule) for rule in rules)]


def changed_receivers(change: Change, diff: Diff) -> Iterator[str]:
    """A receiver of alerts that no configuration has any more, or that is another one."""
    if change.before is None or _is_hidden(change.after):
        return
    before = receivers(change.before)
    if not before:
        return
    after = all_receivers(diff.after)
    for name, receiver in before.items():
        if name not in after:
            yield f"removes the receiver {name} of alerts"
        elif changed := property_changes(receiver, after[name]):
            yield f"changes the receiver {name} of alerts: {_paths(changed)}"
    if change.after is not None and (now := routes(change.after)):
        moved = property_changes(routes(change.before), now, "route")
        if moved:
            yield f"changes which alerts go to which receiver: {_paths(moved)}"


def weakened_alarms(change: Change, _diff: Diff) -> Iterator[str]:
    """An alarm of a cloud that is deleted, turned off, or that notifies nobody any more."""
    before, after = change.before, change.after
    facts = resource_type(before.type) if before is not None else None
    if before is None or facts is None or facts.alarm is None:
        return
    if after is None:
        yield f"deletes the alarm {before.name}"
        return
    receivers, enabled = facts.alarm
    if _is_on(before, enabled) and not _is_on(after, enabled):
        yield f"the alarm {called(after)} is turned off: {enabled} is false"
    if _receivers_of(before, receivers) and not _receivers_of(after, receivers):
        yield f"the alarm {called(after)} notifies nobody any more: {receivers} is empty"


def _is_hidden(resource: Resource | None) -> bool:
    """Whether its rules or receivers are secret, or known to a deployment only."""
    if resource is None:
        return False
    values = [dig(resource.inputs, "spec"), *branch(resource.inputs, "data").values()]
    return any(value in (SECRET, UNKNOWN) for value in values if isinstance(value, str))


def _paths(changed: list[PropertyChange]) -> str:
    return ", ".join(dict.fromkeys(one.path for one in changed))


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return f"the alert {names[0]}"
    further = [f"{len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return f"{len(names)} alerts: {', '.join([*names[:MOST_NAMES], *further])}"


def _differences(before: AlertRule, now: AlertRule) -> tuple[int, int]:
    return now.fires_otherwise_than(before), len(list(now.weaker_than(before)))


def _is_on(alarm: Resource, switch: str) -> bool:
    return alarm.inputs.get(switch) is not False


def _receivers_of(alarm: Resource, receivers: str) -> list[Any]:
    listed = entries(alarm.inputs, receivers)
    return listed or entries(dig(alarm.inputs, receivers), "actionGroups")
