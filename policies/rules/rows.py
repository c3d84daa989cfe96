"""Functions that make rows: one rule about a property that several types have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..finding import Severity
from ..rule import Required


def rows(  # noqa: PLR0917  (a row of a table)
    id: str,
    severity: Severity,
    reference: str,
    consequence: str,
    fix: str,
    places: Iterable[tuple[str, str]],
    allowed: tuple[Any, ...] | Callable[[Any], bool],
    *,
    absent: bool = True,
) -> tuple[Required, ...]:
    """The rows of one rule.

    Args:
        places: types, each with the path of the property.
        allowed: as in Required.
        absent: whether the property may be left out.
    """
    return tuple(
        Required(
            id=id,
            severity=severity,
            reference=reference,
            on=on,
            path=path,
            allowed=allowed,
            absent=absent,
            consequence=consequence,
            fix=fix,
        )
        for on, path in places
    )


def none_of(*refused: str) -> Callable[[Any], bool]:
    """The condition that a text is none of these, in whatever case."""
    folded = {each.casefold() for each in refused}
    return lambda value: str(value).casefold() not in folded


def on(value: Any) -> bool:
    """Whether a switch is on; true may be text."""
    return value is True or str(value).casefold() == "true"


def off(value: Any) -> bool:
    """Whether a switch is off; false may be text."""
    return value is False or str(value).casefold() == "false"


def at_least(least: int) -> Callable[[Any], bool]:
    """The condition that a number, which may be text, is not less."""
    return lambda value: not str(value).removeprefix("-").isdecimal() or int(value) >= least
