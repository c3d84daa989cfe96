"""Constraints on texts and numbers of a configuration, with their error messages.

The stack file and the args of components are held to the same constraints: a value is refused in
the same words in both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

from .problems import Problem

_LOGIN: Final = re.compile(r"(?<=//)[^/@]*@|(?<![^\s/])[^\s/@]*:[^\s/@]*@(?!sha256:)")
"""``user:password@`` in a URL, or in front of a registry's name."""
_QUERY: Final = re.compile(r"(?<=\?)[^#\s]*")
_LONGEST_SHOWN: Final = 60
_LARGEST_SHOWN: Final = 10**_LONGEST_SHOWN
UNSHOWN: Final = "a value that is not shown here"


def shown(value: object) -> str:
    """A value for a message: no line break, no login, no query of a URL, at most 60 characters."""
    if is_huge(value):
        return "a number of more than 60 digits"
    if isinstance(value, Mapping):
        return "a mapping"
    if value is None:
        return "empty"
    if isinstance(value, list | tuple):
        return "a list"
    if not isinstance(value, str | bytes | int | float | Enum):
        return f"a {type(value).__name__}"
    text = repr(_without_secrets(value) if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _without_secrets(text: str) -> str:
    return _QUERY.sub("…", _LOGIN.sub("…@", text))


def is_huge(value: object) -> bool:
    """Whether ``value`` has more digits than a message shows; Python may not write it at all."""
    return isinstance(value, int) and abs(value) > _LARGEST_SHOWN


def is_number(value: object) -> bool:
    """Whether ``value`` is a number; ``True`` and ``False`` are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


Check = Callable[[str], tuple[str, str, str] | None]
"""Checks a text that matches the pattern; returns what, consequence and fix, or None."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of a text.

    Attributes:
        name: name in the documentation's tables.
        pattern: the regular expression; not shown in messages.
        words: description that follows "write" in a fix.
        examples: texts of that form.
        consequence: the effect of a text of another form.
        shortest, longest: in characters.
        check: a check that the pattern cannot express.
        secret: a wrong value is not shown, because it may be a password.
    """

    name: str
    pattern: str
    words: str
    examples: tuple[str, ...]
    consequence: str
    shortest: int = 1
    longest: int = 253
    check: Check | None = None
    secret: bool = False

    @property
    def wanted(self) -> str:
        """The description with an example, to follow "write"."""
        return f"{self.words}, such as {self.examples[0]}" if self.examples else self.words

    def problem(self, path: str, value: object) -> Problem | None:
        """The problem of ``value``; None if it is valid."""
        if isinstance(value, str) and self._fits(value):
            refused = self.check(value) if self.check else None
            return Problem(path, *refused) if refused else None
        what, fix = self._refusal(value)
        return Problem(path, what, self.consequence, fix)

    def _fits(self, text: str) -> bool:
        return self.shortest <= len(text) <= self.longest and self.matches(text)

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text`` matches the pattern."""
        return _compiled(self.pattern).fullmatch(text) is not None

    def _refusal(self, value: object) -> tuple[str, str]:
        said = UNSHOWN if self.secret else shown(value)
        fix = f"write {self.wanted}"
        if not isinstance(value, str):
            if is_number(value) and not is_huge(value) and self.matches(str(value)):
                fix = f'put it in quotes: "{value}"'
            return f"is {'the number ' if is_number(value) else ''}{said}, not text", fix
        if not value:
            return "is empty", fix
        if len(value) > self.longest:
            return (
                f"is {said}, longer than {self.longest} characters",
                f"shorten it to {self.longest} characters",
            )
        if _LOGIN.search(value):
            return (
                f"is {said}: it contains a user name or password",
                "remove the part before @, and change that password",
            )
        return f"is {said}", fix


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True, kw_only=True)
class Range:
    """The allowed range of a number.

    Attributes:
        least, most: the bounds, both allowed; None for no upper one.
        consequence: the effect of a number outside of the range.
        whole: no fractions.
    """

    least: float
    most: float | None = None
    consequence: str = "the resource could not be created"
    whole: bool = True

    @property
    def words(self) -> str:
        """The range, to follow "a number"."""
        return f"from {self.least:g}" + ("" if self.most is None else f" to {self.most:.15g}")

    @property
    def wanted(self) -> str:
        """What to write."""
        return f"a {'whole ' if self.whole else ''}number {self.words}"

    def problem(self, path: str, value: object) -> Problem | None:
        """The problem of ``value``; None if it is valid."""
        number = value if isinstance(value, int | float) and is_number(value) else None
        if isinstance(number, float) and not self._fits(number):
            number = None
        if number is None:
            what, fix = not_a_number(shown(value), value, self.wanted)
        elif number < self.least or (self.most is not None and number > self.most):
            what, fix = out_of_range(number, self.least, self.words)
        else:
            return None
        return Problem(path, what, self.consequence, fix)

    def _fits(self, number: float) -> bool:
        return math.isfinite(number) and not (self.whole and number != int(number))


def not_a_number(said: str, value: object, wanted: str) -> tuple[str, str]:
    """What is wrong with a value that is no (whole) number, and what to write."""
    digits = re.match("[0-9]+", value) if isinstance(value, str) else None
    kind = "a whole number" if "whole" in wanted else "a number"
    return f"is {said}, not {kind}", f"write {digits[0] if digits else wanted}" + (
        ", without quotes and unit"
    )


def out_of_range(value: float, least: float, words: str) -> tuple[str, str]:
    """What is wrong with a number outside ``words``, and what to write."""
    side = "too small" if value < least else "too large"
    return f"is {shown(value)}: that is {side}", f"write a number {words}"


Constraint = Form | Range


def first_problem(constraints: Sequence[Constraint], path: str, value: object) -> Problem | None:
    """The problem of the first constraint that ``value`` breaks; None if it breaks none."""
    found = (constraint.problem(path, value) for constraint in constraints)
    return next((problem for problem in found if problem), None)
