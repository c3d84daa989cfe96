"""Overrides and labels of alerts that would have no effect, or that break the rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from ...base.constraints import shown
from ...base.problems import Problem, nearest
from ...mcp.metrics import EXPORTED
from .alert import Alert, Severity
from .catalogue import every_alert
from .external_exporters import EXTERNAL_LABELS
from .groups import WATCHDOG, alerts_of
from .options import RuleOptions
from .overrides import DURATION, LABEL, LABEL_TEXT, AlertOverride
from .targets import TARGET_LABELS

SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
"""What the severity of an alert may be changed to."""
LONGEST_DAYS: Final = 7
"""For which the condition of an alert may have to hold."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_EVENTS: Final = re.compile(r"\b(?:increase|changes)\([^\[\]]*\[(\d+[smhd])\]")

PathOf = Callable[..., str]
"""The path of a field, from the names on the way to it."""


@cache
def reserved_labels() -> frozenset[str]:
    """Labels by which alerts are routed and told apart: those of the rules, and of all series."""
    of_rules = {"alertname", "alertstate", "severity", "team", "scope", "le", "quota_namespace"}
    read = [metric for metric in EXPORTED.values() if metric.kind != "info"]  # by no alert
    of_series = {label for metric in read for label in metric.labels}
    return frozenset(of_rules | of_series | TARGET_LABELS | EXTERNAL_LABELS)


def seconds(duration: str) -> int:
    """A duration of a rule in seconds."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def override_problems(
    options: RuleOptions, path: PathOf, *, duration: str = "duration"
) -> Iterator[Problem]:
    """Overrides of alerts that do not exist or may not change, and those without an effect.

    Args:
        options: with the overrides.
        path: of a field of what has the overrides.
        duration: name of the field with the duration.
    """
    if not options.overrides:
        return
    known = every_alert()
    made = alerts_of(replace(options, overrides={}, disabled=frozenset()))
    for name, override in options.overrides.items():
        here = path("overrides", name)
        alike = [one for alerts in made.values() for one in alerts if one.name == name]
        if name == WATCHDOG:
            yield Problem(
                here,
                f"changes {name}",
                "nobody would notice that alerts stop arriving",
                "remove it: the alert always fires, for the dead man's switch",
            )
        elif name not in known:
            yield unknown_alert(here, name)
        elif name in options.disabled:
            yield Problem(
                here,
                "changes an alert that is also in disabled",
                "it would have no effect",
                "remove the name from one of the two",
            )
        elif not alike:
            yield Problem(
                here,
                "changes an alert that this platform does not have",
                "it would have no effect",
                "remove it, or add what the alert watches",
            )
        else:
            yield from _of_one(override, alike, lambda *steps: path("overrides", *steps), duration)


def unknown_alert(path: str, name: str) -> Problem:
    """That no alert has this name, and which name is near."""
    close = nearest(name, every_alert())
    return Problem(
        path,
        "is the name of no alert",
        "it would have no effect",
        f"write {close}" if close else "see docs/reference/alerts.md for the names",
    )


def label_problems(labels: Mapping[str, Any], path: PathOf) -> Iterator[Problem]:
    """Labels that Prometheus would refuse, or that alerts and their series have already."""
    for name, value in labels.items():
        here = path("labels", name)
        if found := LABEL.problem(here, name) or LABEL_TEXT.problem(here, value):
            yield found
        elif name in reserved_labels() or name.startswith("exported_"):
            yield Problem(
                here,
                f"sets {name}, which alerts or their series have already",
                "alerts about different things would become one, or reach the wrong receiver",
                "choose another name, such as cluster",
            )


def _of_one(
    override: Any, alike: Sequence[Alert], path: PathOf, duration: str
) -> Iterator[Problem]:
    name = alike[0].name
    if not isinstance(override, AlertOverride):
        yield Problem(
            path(name),
            f"is {shown(override)}, not an AlertOverride",
            "nothing says what to change",
            "write AlertOverride(duration=..., severity=...)",
        )
        return
    if override.duration is None and override.severity is None:
        yield Problem(
            path(name),
            "changes nothing",
            "it would have no effect",
            f"set {duration} or severity, or remove it",
        )
    if override.duration is not None:
        yield from _of_duration(override.duration, alike, path(name, duration))
    if override.severity is None:
        return
    if override.severity not in SEVERITIES:
        yield Problem(
            path(name, "severity"),
            f"is {shown(override.severity)}",
            "the alert would reach nobody",
            f"write one of: {', '.join(SEVERITIES)}",
        )
    elif all(one.severity == override.severity for one in alike):
        yield _without_effect(path(name, "severity"), override.severity)


def _of_duration(written: Any, alike: Sequence[Alert], path: str) -> Iterator[Problem]:
    if found := DURATION.problem(path, written):
        yield found
        return
    new, old = seconds(written), [seconds(one.duration) for one in alike]
    windows = [seconds(found) for one in alike for found in _EVENTS.findall(one.expression)]
    if all(new == one for one in old):
        yield _without_effect(path, alike[0].duration)
    elif new > LONGEST_DAYS * _UNITS["d"]:
        yield Problem(
            path,
            f"is {written}",
            "the alert would hardly ever fire",
            f"write at most {LONGEST_DAYS}d, or name the alert in disabled",
        )
    elif windows and max(old) < min(windows) <= new:
        least = f"{min(windows) // 60}m"
        yield Problem(
            path,
            f"is {written}, and the alert counts what happened within {least}",
            "the count falls again before the alert fires",
            f"write less than {least}, or name the alert in disabled",
        )


def _without_effect(path: str, value: str) -> Problem:
    return Problem(
        path, f"is {value} without this override too", "it would have no effect", "remove it"
    )
