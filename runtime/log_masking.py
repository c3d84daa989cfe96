"""Masks secrets and personal data in copies of log lines, as the collector does in a cluster.

The patterns are those of components/observability/log_fields.py, which this package cannot import;
a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeGuard, cast

LONGEST_VALUE: Final = 4096
"""Characters of a text that are kept; the time to mask a text grows with them."""
MAX_ATTRIBUTES: Final = 128
"""Attributes of a line that are kept; the default of OpenTelemetry's limits."""

HIDDEN_KEYS: Final = (
    r"(?i)(passwords?|passwd|passphrases?|secrets?|credentials?|authorization|cookies?|token"
    r"|tokens\.[0-9]+|(^|[._-])pwd"
    r"|(api|access|secret|private|signing|encryption|master)[._-]?keys?)(\.|$)"
)
_NAMED: Final = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credentials?"
    r"|(?:api|access|secret|private|signing|encryption|master)[_-]?key"
)
_SECRETS: Final[Sequence[tuple[str, str]]] = (
    (r"(?s)-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}.*?(-{5}END [A-Z ]*PRIVATE KEY-{5}|$)", "<key>"),
    (r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?", "<token>"),
    (r"(?i)((?:set-)?cookie\\*[\"']?\s*[=:]\s*\\*[\"']?)[^\"'\\\r\n]+", "${1}<cookie>"),
    (r"(?i)\b(bearer|basic|apikey)\s+[A-Za-z0-9._~+/=-]{6,}", "${1} <token>"),
    (
        r"(?i)(authorization\\*[\"']?\s*[=:]\s*\\*[\"']?(?:token\s+)?)[A-Za-z0-9._~+/=:-]{12,}",
        "${1}<token>",
    ),
    (
        r"\b(?:(?:gh[pousr]|github.pat|glpat|hf|hvs|npm|sk|xox[abprs])[_.-][A-Za-z0-9_-]{12,}"
        r"|AIza[A-Za-z0-9_-]{30,})",
        "<token>",
    ),
    # Of SQL: a text, one with escapes, and one between dollars.
    (
        r"(?i)(password\s+)(?:e?'(?:[^'\\]|''|\\.)*(?:'|$)|\$\w*\$[^$]*(?:\$\w*\$|$))",
        "${1}'<secret>'",
    ),
    (
        rf"(?i)({_NAMED})"
        r"""(?:(\\+["']\s*[=:]\s*\\+["'])[^"'\\]*|(["']?\s*[=:]\s*")(?:[^"\\]|\\.)*"""
        r"""|(["']?\s*[=:]\s*')[^']*|(["']?\s*[=:]\s*)[^\s"'&,;<>]+)""",
        "${1}${2}${3}${4}${5}<secret>",
    ),
    (rf"(?i)(--(?:[a-z][a-z-]{{0,30}}?)??(?:{_NAMED})\s+)[^\s-]\S*", "${1}<secret>"),
    (r"""://[^/\s:@"'<>]*:[^/\s"'<>]+@""", "://<credentials>@"),
)
PATTERNS: Final[Sequence[tuple[str, str]]] = (
    *_SECRETS,
    (r"""([\w/])\?[^\s"'<>]{2,}""", "${1}?<query>"),
    (
        "[A-Za-z0-9._%+\u00c0-\u052f-]+@[A-Za-z0-9\u00c0-\u052f-]+(\\.[A-Za-z0-9\u00c0-\u052f-]+)+",
        "<e-mail>",
    ),
    (
        r"\b((?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){2})\.(?:\d{1,3})\b",
        "${1}.0",
    ),
    (
        r"\b(?:([23][0-9a-fA-F]{3}|[fF][c-eC-E][0-9a-fA-F]{2})::[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5}"
        r"|([0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4})(?::[0-9a-fA-F]{0,4}){2,6})",
        "${1}${2}::",
    ),
)
"""Pattern and what is shown instead, in this order."""
SECURITY_EVENTS: Final = r"^(token_refused|session_refused|audit_[a-z_]+)$"
SECURITY_TEXTS: Final = (
    r"(?i)(authentication failed|no pg_hba.conf entry|permission denied for|WRONGPASS|NOAUTH"
    r"|NOPERM|client SSL certificate verify error|access forbidden by rule)"
)

_HIDDEN: Final = re.compile(HIDDEN_KEYS, re.ASCII)
_EVENTS: Final = re.compile(SECURITY_EVENTS)
_TEXTS: Final = re.compile(SECURITY_TEXTS)
_WORDS: Final = {r"eyJ[A-Za-z0-9_-]{5,}": ".", "[A-Za-z0-9._%+\u00c0-\u052f-]+": "@"}
"""With what patterns begin that `re` would try again at each character of a long word, and what
is in every text that they match."""


def _replacing(pattern: str, shown: str) -> Callable[[str], str]:
    """What replaces a pattern, in a time that is linear in the length of the text."""
    for word, sign in _WORDS.items():
        if pattern.startswith(word):
            return _word_by_word(word, pattern.removeprefix(word), sign, shown)
    # The collector's expressions are ASCII, and name a group "${1}".
    parsed = re.compile(pattern, re.ASCII)
    template = re.sub(r"\$\{(\d)\}", r"\\g<\1>", shown)
    return lambda text: parsed.sub(template, text)


def _word_by_word(word: str, rest: str, sign: str, shown: str) -> Callable[[str], str]:
    """Replaces a word and what follows it, and looks at a word without it once only.

    The rest cannot begin within a word, so no end of the word would match either.
    """
    parsed = re.compile(f"{word}({rest})?", re.ASCII)

    def kept_or_shown(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else shown

    return lambda text: parsed.sub(kept_or_shown, text) if sign in text else text


_REPLACED: Final = [_replacing(pattern, shown) for pattern, shown in PATTERNS]

Scalar = str | bool | int | float


@lru_cache(maxsize=1024)
def _masked(text: str) -> str:
    for replaced in _REPLACED:
        text = replaced(text)
    return text


def masked(text: str) -> str:
    """The text without secrets and personal data, cut to `LONGEST_VALUE`.

    Half of a pair of surrogates, which UTF-8 cannot encode, becomes U+FFFD.
    """
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if len(text) > LONGEST_VALUE:
        # Without the last word: half of a secret may not look like one.
        return _masked.__wrapped__(text[:LONGEST_VALUE].rsplit(None, 1)[0])[:LONGEST_VALUE]
    return _masked(text)


def is_security(line: Mapping[str, object]) -> bool:
    """Whether a line is one of the security events."""
    name = str(line["event"])
    found = _EVENTS.search(name) or _TEXTS.search(name)
    return found is not None or line.get("status") in (401, 403) or "refused" in line


def attributes_of(facts: Mapping[str, object]) -> dict[str, Scalar]:
    """The facts of a line as attributes: masked, with one key for each text of maps and lists."""
    found: dict[str, Scalar] = {}
    for key, value in _flat(facts):
        if len(found) == MAX_ATTRIBUTES:
            break
        if _HIDDEN.search(key):
            continue
        if isinstance(value, float) or _fits(value):
            found[key] = value
        else:
            found[key] = masked(str(value))
    return found


def _fits(value: object) -> TypeGuard[int]:
    """Whether it is an integer (or a bool) of 64 bits."""
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _flat(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value).items()
    elif isinstance(value, list | tuple):
        named = enumerate(cast("Sequence[object]", value))
    else:
        yield masked(key), value
        return
    for name, each in named:
        yield from _flat(each, f"{key}.{name}" if key else str(name))
