"""Masking a text takes a time that is linear in its length: servers do it in their event loop."""

from __future__ import annotations

import re
import time
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import log_masking
from runtime.log_masking import LONGEST_VALUE, PATTERNS, masked

BENIGN: Final = ("no tool answers within 30 seconds, " * LONGEST_VALUE)[:LONGEST_VALUE]
SLOWER: Final = 12
"""Than a benign text of the same length. Without a limit, words took 40 to 200 times as long."""
WORD: Final = "a" * 1500

# For each pattern what nearly matches it, again and again or for as long as the text is.
CRAFTED: Final = {
    0: ("-----BEGIN ", "-----BEGIN A", "-----BEGIN PRIVATE KEY", "-----BEGIN PRIVATE KEY-----"),
    1: ("eyJ", "eyJaaaaa", "eyJaaaaa.", "-eyJ_", f"eyJ{WORD}"),
    2: ("cookie", "set-cookie ", "cookie" + "\\" * 500, "cookie" + " " * 500, "cookie=\n", "set-"),
    3: ("bearer ", "basic", "bearer" + " " * 500, "apikey a ", "bearer\t\n"),
    4: ("authorization", "authorization: token ", "authorization" + "\\" * 500, "authorization=a "),
    5: ("ghp_", "sk-", "glpat-aaaaaaaaaaa ", "hvs.", "xoxb-aaaaaaaaaaa.", "AIza"),
    6: (
        "password ",
        "password '",
        "password" + " " * 500,
        "password 'a' ",
        "password '\\\n",
        "password $a",
    ),
    7: ("token", "token ", "api_key" + " " * 500, "token=" + " " * 500 + "&", "secret=&", "pwd'"),
    8: ("-", "--", "--a", "--token ", "--token" + " " * 500 + "-", "--pass-", "--" + "a" * 29),
    9: ("://", "://a", "://a:", f"://{WORD}", f"://a:{WORD}", "://a:b:", ":", "://:"),
    10: ("a?", "?", "a?b ", "a?a?"),
    11: ("a", "a.", "a@", "a@a.", "a%", f"{WORD}@{WORD}", f"{WORD}@{WORD}.", "@", "@a.", "a@-"),
    12: ("1.", "255.255.", "1", "1.1.1.1", "25"),
    13: ("a:", "aaaa:", "::", "a::", "f:f:f:f:f:f:f:g"),
}


def seconds(text: str) -> float:
    """Of the processor, at best; without the cache for texts that were masked before."""
    log_masking._masked.cache_clear()  # pyright: ignore[reportPrivateUsage]
    begin = time.thread_time()
    masked(text)
    return time.thread_time() - begin


def test_each_pattern_has_crafted_texts():
    assert CRAFTED.keys() == set(range(len(PATTERNS)))


def test_no_crafted_text_takes_much_longer_than_a_benign_one():
    crafted = [
        (part * LONGEST_VALUE)[: LONGEST_VALUE - len(end)] + end
        for parts in CRAFTED.values()
        for part in parts
        for end in ("", "@", " a@")
    ]
    benign = min(seconds(BENIGN) for _ in range(20))
    slow: dict[str, float] = {}
    for text in crafted:
        # The least of some attempts: the machine may do other things meanwhile.
        took = min(seconds(text) for _ in range(3))
        if took > SLOWER * benign:
            slow[f"{text[:30]}...{text[-10:]}"] = round(took / benign)
    assert slow == {}


def as_the_collector_does(text: str) -> str:
    """The text with each pattern replaced as it is written."""
    for pattern, shown in PATTERNS:
        template = re.sub(r"\$\{(\d)\}", r"\\g<\1>", shown)
        text = re.sub(pattern, template, text, flags=re.ASCII)
    return text


PARTS: Final = st.sampled_from(
    [
        *("eyJ", "eyJaaaaa", "a", "Z9", "@", ".", "-", "_", "%", "+", " ", "/", "=", "a@b.c"),
        *("eyJaaaaa.b", "user.name", "mail.example.com", "\u00e9", "<e-mail>", "bearer ", "token="),
    ]
)


@given(st.lists(PARTS, max_size=40).map("".join))
def test_the_masked_text_is_that_of_the_patterns(text: str):
    assert masked(text) == as_the_collector_does(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a@b.c_d@e.f", "<e-mail><e-mail>"),
        ("a@b@c.d", "a@<e-mail>"),
        ("to %a@b.c, a.b@c", "to <e-mail>, a.b@c"),
        ("eyJa eyJaaaaa-eyJaaaaa.b.c.d", "eyJa <token>.d"),
        ("eyJaaaaaeyJaaaaa", "eyJaaaaaeyJaaaaa"),
    ],
)
def test_words_that_match_are_masked_wherever_they_begin(text: str, shown: str):
    assert masked(text) == shown == as_the_collector_does(text)
