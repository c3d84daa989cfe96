"""The rules of composite alarms, read by the grammar that CloudWatch documents and evaluated.

moto stores a rule unread. The grammar is that of PutCompositeAlarm, AlarmRule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Final

import pytest

from tests.components.aws.test_monitoring import ALARM, COMPOSITE, graph

TOKEN: Final = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*"(?P<name>[^"\\]+)"\s*\)"""
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE|\(|\)))"
)
LONGEST: Final = 10_240
"""Characters of a rule (PutCompositeAlarm)."""
WINDOWS: Final = {
    "fast": (("1h", "5m"), ("6h", "30m")),
    "slowly": (("1d", "2h"), ("3d", "6h")),
}
"""Both of any pair burn (The Site Reliability Workbook, chapter 5)."""

States = Mapping[str, str]
Rule = Callable[[States], bool]


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Words, and states with the name of an alarm."""
    at, text = 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no rule from here on: {text[at:]}")
        yield match["state"] or match["word"], match["name"] or ""
        at = match.end()


def parsed(text: str) -> Rule:
    """The rule as a function of the states of alarms; NOT binds first, then AND, then OR."""
    rest = [*tokens(text), ("end", "")]

    def taken(word: str) -> bool:
        if rest[0][0] == word:
            rest.pop(0)
            return True
        return False

    def either() -> Rule:
        parts = [both()]
        while taken("OR"):
            parts.append(both())
        return lambda states: any(part(states) for part in parts)

    def both() -> Rule:
        parts = [one()]
        while taken("AND"):
            parts.append(one())
        return lambda states: all(part(states) for part in parts)

    def one() -> Rule:
        if taken("NOT"):
            inner = one()
            return lambda states: not inner(states)
        if taken("("):
            inner = either()
            if not taken(")"):
                raise ValueError(f"no closing bracket before {rest[0]}")
            return inner
        word, name = rest.pop(0)
        if word in ("TRUE", "FALSE"):
            return lambda _: word == "TRUE"
        if not name:
            raise ValueError(f"no expression: {word}")
        return lambda states: states[name] == word

    rule = either()
    if rest != [("end", "")]:
        raise ValueError(f"after the rule: {rest[0]}")
    return rule


def test_each_rule_is_raised_by_both_windows_of_either_pair_and_by_nothing_else():
    alarms = {one.inputs["name"]: one.name for one in graph().all(ALARM)}
    composites = graph().all(COMPOSITE)
    assert len(composites) >= 8
    for composite in composites:
        text = composite.inputs["alarmRule"]
        assert len(text) <= LONGEST
        pairs = WINDOWS["fast" if "burns-fast" in composite.name else "slowly"]
        of = composite.name.removesuffix("-alarm")
        children = {
            window: next(n for n, logical in alarms.items() if logical == f"{of}-{window}-alarm")
            for pair in pairs
            for window in pair
        }
        assert {name for _, name in tokens(text) if name} == set(children.values())
        rule = parsed(text)
        for states in product(("ALARM", "OK", "INSUFFICIENT_DATA"), repeat=len(children)):
            given = dict(zip(children, states, strict=True))
            wanted = any(all(given[window] == "ALARM" for window in pair) for pair in pairs)
            assert rule({children[w]: state for w, state in given.items()}) is wanted, given


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ('ALARM("a") OR ALARM("b") AND ALARM("c")', True),
        ('(ALARM("a") OR ALARM("b")) AND ALARM("c")', False),
        ('NOT ALARM("a") OR OK("b")', True),
        ('NOT (ALARM("a") OR OK("b"))', False),
        ("TRUE AND FALSE", False),
    ],
)
def test_the_parser_knows_what_binds_first(text: str, raised: bool):
    assert parsed(text)({"a": "ALARM", "b": "OK", "c": "OK"}) is raised


@pytest.mark.parametrize(
    "text", ['ALARM("a") AND', "ALARM(a)", '(ALARM("a")', 'ALARM("a") ALARM("b")', "UP", ""]
)
def test_the_parser_refuses_what_is_no_rule(text: str):
    with pytest.raises(ValueError, match=r"no rule|no closing|no expression|after the rule"):
        parsed(text)
