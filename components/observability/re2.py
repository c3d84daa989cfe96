"""Whether a regular expression is one of RE2, the syntax of programs in Go.

Python's expressions have more than those of RE2: what only Python accepts is found here. What only
RE2 accepts, such as ``\\pL``, is refused too.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Final

MAX_REPEATS: Final = 1000
"""Of RE2, for the product of repeats inside one another."""
MAX_NESTED_GROUPS: Final = 100
"""Groups inside one another; Python cannot parse many more."""

_POSIX: Final = re.compile(
    r"\[:\^?(alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]"
)
"""Classes that only RE2 has; ``_`` stands for them."""
_SET: Final = re.compile(r"\[\^?\]?(\\.|[^\]\\])*\]")
_ESCAPE_OF_SETS: Final = re.compile(
    r"\\([afnrtvdDsSwW]|x[0-9A-Fa-f]{2}|0[0-7]{0,2}|[!-/:-@\[-`{-~ ])"
)
_ESCAPE: Final = re.compile(rf"{_ESCAPE_OF_SETS.pattern}|\\[bBA]")
_GROUP: Final = re.compile(r"\((?!\?)|\(\?(P<[A-Za-z0-9_]+>|[ims]*(-[ims]+)?:|[ims]+\))")
_REPEAT: Final = re.compile(r"([*+?]|\{[0-9]*,?[0-9]*\})\??")


def re2_problem(expression: str) -> str | None:
    """Why an expression is none of RE2, or is of no use; None if it is one."""
    if not expression:
        return "it is empty, which every text matches"
    plain = _POSIX.sub("_", expression)
    for why in _only_python(plain):
        return why
    try:
        with warnings.catch_warnings(action="ignore"):  # of sets that Python may read otherwise
            re.compile(plain)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return None


def _only_python(expression: str) -> Iterator[str]:
    """What RE2 does not have; not all of it, where Python refuses the expression too."""
    groups = [1]  # of each open group: how often RE2 repeats the most repeated part of it
    last, at = 1, 0
    while at < len(expression):
        forms = (_SET, _ESCAPE, _GROUP, _REPEAT)
        found = next(filter(None, (form.match(expression, at) for form in forms)), None)
        text = found[0] if found else expression[at]
        if found is None and text in "\\(":
            yield f"it has {expression[at : at + 3]}"
        if found and found.re is _SET:
            yield from _of_set(text)
        if found and found.re is _REPEAT:
            yield from _of_repeat(found)
            last *= max([1, *map(int, re.findall("[0-9]{1,9}", text))])
        elif text == ")" and len(groups) > 1:
            last = groups.pop()
        else:
            last = 1
        if found and found.re is _GROUP and not text.endswith(")"):
            groups.append(1)
        groups[-1] = max(groups[-1], last)
        if last > MAX_REPEATS:
            yield f"it repeats something more than {MAX_REPEATS} times"
        if len(groups) > MAX_NESTED_GROUPS:
            yield f"it has more than {MAX_NESTED_GROUPS} groups inside one another"
        at += len(text)


def _of_repeat(found: re.Match[str]) -> Iterator[str]:
    if re.match(r"\{,", found[0]):
        yield f"it has {found[0]}, which is no repeat in RE2"
    if found.string.startswith("+", found.end()):
        yield f"it has {found[0]}+"


def _of_set(written: str) -> Iterator[str]:
    for found in re.finditer(r"\\.", written):
        if not _ESCAPE_OF_SETS.match(written, found.start()):
            yield f"it has {found[0]} in a set"
    if "[:" in written[1:]:
        yield "it has [: in a set, and names no class"
