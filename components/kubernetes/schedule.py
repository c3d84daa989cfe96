"""Reads the schedule and the time zone of a CronJob as Kubernetes does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MACROS: Final = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}


@dataclass(frozen=True)
class _Field:
    """One of the five fields of a schedule: its numbers, and names for them in order."""

    name: str
    low: int
    high: int
    names: Sequence[str] = ()

    def accepts(self, part: str) -> bool:
        """Whether ``part`` is ``*``, a number, a name or a range of them, with a step or not."""
        found = _PART.fullmatch(part)
        if found is None or (found["step"] and not int(found["step"])):
            return False
        if found["all"]:
            return True
        first = self._number(found["first"])
        last = self._number(found["last"] or found["first"])
        return self.low <= first <= last <= self.high

    def _number(self, text: str) -> int:
        if text.isdecimal():
            return int(text)
        return self.names.index(text.lower()) + self.low if text.lower() in self.names else -1


_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
_DAYS: Final = "sun mon tue wed thu fri sat"
_SECOND: Final = _Field("second", 0, 59)
_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS.split()),
    _Field("day of week", 0, 6, _DAYS.split()),
)
_PART: Final = re.compile(
    r"(?:(?P<all>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,9}))?", re.ASCII
)


def schedule_problem(schedule: str, *, seconds: bool = False) -> str | None:
    """Why Kubernetes refuses the schedule; None if it is valid.

    Args:
        schedule: five fields, or a macro.
        seconds: whether a field for the second comes first, as in a ScheduledBackup.
    """
    if schedule in MACROS or re.fullmatch(r"@every ([0-9]{1,6}[hms])+", schedule):
        return None
    if "TZ=" in schedule:
        return "names a time zone, which belongs in time_zone"
    given = schedule.split()
    fields = (_SECOND, *_FIELDS) if seconds else _FIELDS
    if len(given) != len(fields):
        wanted = "six (second, minute" if seconds else "five (minute"
        return f"has {len(given)} fields, not {wanted}, hour, day, month, day of week)"
    for text, field in zip(given, fields, strict=True):
        for part in text.split(","):
            if not field.accepts(part):
                return f"{part!r} is no {field.name} ({field.low} to {field.high})"
    return None


def is_time_zone(name: str) -> bool:
    """Whether Kubernetes accepts ``name`` as a time zone."""
    import zoneinfo

    if name == "Local":  # it would be the controller's own
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A machine without a time zone database knows none: judge the name by its form there.
        known = zoneinfo.available_timezones()
        return not known and bool(re.fullmatch(r"[A-Z]\w*(/[\w+-]+)*", name))
    return True
