"""Recognizes text that is probably a credential, to refuse it where it would be stored in clear."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(
    r"passw|pwd|secret|token|credential|(private|api|access|signing|encryption|account)_?key"
    r"|(^|_)(pass|pat)$",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(
    r"_(FILE|PATH|DIR|URL|URI|NAME|ISSUER|AUDIENCE|TTL|SECONDS|ENABLED)$", re.IGNORECASE
)
"""Ends of names whose values locate or describe a credential."""

_VALUE: Final = re.compile(
    r"//[^/\s]*@"  # a user, and perhaps a password, in a URL
    r"|-----BEGIN"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[0-9A-Za-z]{20}|\bgithub_pat_|\bglpat-|\bxox[abprs]-|\bsk[-_][0-9A-Za-z_-]{16}"
    r"|\brk_(live|test)_|\bSG\.[0-9A-Za-z_-]{16,}\.|//hooks\.slack\.com/services/"
    r"|\b[Aa]ccount[Kk]ey=|\b[Pp]ass(word|wd)?=[^\s;&$<{]"
    r"|[?&](api_?key|access_token|token|sig)=[^\s&$<{]"
    r"|\bAIza[0-9A-Za-z_-]{30}"
    r"|\beyJ[0-9A-Za-z_-]{8,}\."
    r"|\b(Bearer|Basic) ",
)
_RANDOM: Final = re.compile(
    r"(?=[^0-9]*[0-9])(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[0-9A-Za-z+_-]{32,}={0,2}"
)
"""32 characters of three classes without a separator: probably a generated key."""


def looks_like_a_credential(name: str, value: str) -> bool:
    """Whether the variable ``name`` with this value is probably a credential."""
    if _VALUE.search(value) or _RANDOM.fullmatch(value):
        return True
    return bool(value and _NAME.search(name) and not _REFERENCE.search(name))
