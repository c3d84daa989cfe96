"""Expressions of Python and of RE2. A real blackbox_exporter holds the table in `test_probes`."""

from __future__ import annotations

from typing import Final

import pytest

from components.observability.re2 import re2_problem

REFUSED: Final = (
    *("(", ")", "a[", "a)b", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", r"(a)\1", "(?P<n>a)(?P=n)"),
    *("(?>a)", "a++", "a*+", "a?+", "a{2}+", "a**", "a{2}{3}", "*", "(*)", "a{3,2}"),
    *("(?x) a", "(?a)a", "(?u)a", "(?L)a", "(?x: a)", "(?#note)a", "(a)?(?(1)b|c)", "(?P<é>a)"),
    *(r"a\Z", r"\u0041", r"\U00000041", r"\N{DIGIT ONE}", r"\é", r"[\b]", r"[\Z]", r"[\u0041]"),
    *("a{1001}", "a{1,1001}", "a{1001,}", "a{99999999999}", "(a{100}){11}", "((a{10}){10}b){11}"),
    *("[[:letter:]]", r"\x[:alpha:]1", "[b-a]", r"[a-\d]", "\\"),
)
"""blackbox_exporter starts with none of them."""
UNLIKE: Final = ("", "a{,5}", "(" * 400 + "a" + ")" * 400)
"""It starts with these: they match everything, or that text itself, or are too deep for Python."""
ACCEPTED: Final = (
    *(
        "sunny|rain",
        "a+?b*?c??",
        "a{2}",
        "a{2,}",
        "a{2,5}?",
        "a{1000}",
        "(a{100}){10}",
        "(a{10}b{500})",
    ),
    *("(?i)a", "(?ims)a", "(?i:a)b", "(?-i:a)", "(?s-i:a)", "(?:a|b)*", "(?P<n>a)", "(|a)+"),
    *(r"\d\D\s\S\w\W\b\B", r"\Aa$", "^a$", r"\x41\012\0", r"\.\*\-\/\"\_\ ", r"\a\f\n\r\t\v"),
    *(
        "[]a]",
        "[^]a]",
        r"[\d\]\-a-z.]",
        "[[:digit:]]+",
        "[[:^space:]_]",
        "[+*{2}(?=]",
        "[[]",
        "[a&&b]",
    ),
    *("a{", "{a}", "a{1", "a{x}", "é", r"\"text\"\s*:\s*\"here\""),
)


@pytest.mark.parametrize("expression", [*REFUSED, *UNLIKE], ids=lambda one: ascii(one)[:30])
def test_what_only_python_has_is_refused(expression: str):
    assert re2_problem(expression)


@pytest.mark.parametrize("expression", ACCEPTED, ids=ascii)
def test_expressions_of_both_are_accepted(expression: str):
    assert re2_problem(expression) is None
