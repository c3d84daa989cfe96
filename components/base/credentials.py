"""Recognizes text that is probably a credential, to refuse it where it would be stored in clear."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from itertools import pairwise
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

_CHOSEN: Final = re.compile(
    r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])(?=[^!@#$%^&*+?~]*[!@#$%^&*+?~])[!-~]{8,64}"
)
"""A password as people choose it, with characters of four classes."""

_VALUE: Final = re.compile(
    r"//[^/\s:?#]*:(?!\d{1,5}[/?#])[^\s@$<{]+[^\s@]*@"  # a user and a password in a URL
    r"|\b(https?|wss?)://[^/\s:?#]+@"  # a token in place of the user
    r"|-----BEGIN|\bPuTTY-User-Key-File|\bAGE-SECRET-KEY-1"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[0-9A-Za-z]{20}|\bgithub_pat_|\bgl(pat|dt|rt|cbt|oas)-|\bATATT3|\bATBB"
    r"|\bxox[abeoprs][-.]|\bxapp-|\bsk[-_][0-9A-Za-z_-]{16}|\bgsk_|\bhf_[0-9A-Za-z]{20}"
    r"|\b[rs]k_(live|test)_|\bwhsec_|\bSG\.[0-9A-Za-z_-]{16,}\.|//hooks\.slack\.com/services/"
    r"|//(\w+\.)?discord(app)?\.com/api/webhooks/"
    r"|\bnpm_[0-9A-Za-z]{30}|\bpypi-AgE|\bdckr_(pat|oat)_|\bdo[opr]_v1_|\bshp(at|ca|pa|ss)_"
    r"|\bhv[sbr]\.[0-9A-Za-z_-]{20}|\bya29\.|\bGOCSPX-|\bdapi[0-9a-f]{32}|\btskey-|\blin_api_"
    r"|\b[Aa]ccount[Kk]ey=|\b[Pp]ass(word|wd)?=[^\s;&$<{]"
    r"|[?&](api_?key|access_token|token|sig|secret|client_secret|password)=[^\s&$<{]"
    r"|\bAIza[0-9A-Za-z_-]{30}"
    r"|\beyJ[0-9A-Za-z_-]{8,}\."
    r"|\b[Bb]earer [^\s$<{]|\bBasic (?=\S*[0-9=])\S{8}"
)

_SIGNS: Final = (
    *(
        "@",
        "-----BEGIN",
        "PuTTY-User-Key",
        "AGE-SECRET",
        "AKIA",
        "ASIA",
        "hooks.slack",
        "/webhooks/",
    ),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-"),
    *("glcbt-", "gloas-", "ATATT3", "ATBB", "xox", "xapp-", "sk-", "sk_", "rk_", "gsk_", "hf_"),
    *("whsec_", "SG.", "npm_", "pypi-", "dckr_", "doo_v1", "dop_v1", "dor_v1"),
    *("shpat_", "shpca_", "shppa_", "shpss_", "hvs.", "hvb.", "hvr.", "ya29.", "GOCSPX"),
    *("dapi", "tskey-", "lin_api_", "AIza", "eyJ", "earer ", "Basic "),
    *(
        "ccountKey=",
        "ccountkey=",
        "ass=",
        "assword=",
        "asswd=",
        "key=",
        "token=",
        "sig=",
        "secret=",
    ),
)
"""Each match of ``_VALUE`` contains one of these texts, and a search for them is fast."""

_SHORTEST: Final = 8
"""Length of the shortest match of ``_VALUE``, in characters."""

_PUBLIC: Final = re.compile(
    r"-----BEGIN (CERTIFICATE|PUBLIC KEY|RSA PUBLIC KEY|X509 CRL|PGP PUBLIC KEY)"
    r"|[Bb]earer (realm|token)|Basic realm"
)
"""Text in the form of a credential that is public."""

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----(\\[rnt]|\s)*MI([0-9A-Za-z+/=\s]|\\[rnt])*"
    r"-----END CERTIFICATE-----"
)
"""A certificate, whose base64 is public; in TOML and JSON its line breaks are escaped."""

_LABELLED: Final = re.compile(
    r"sha(1|256|384|512)[:-][0-9A-Za-z+/_-]+=*"  # a digest
    r"|(ssh-(rsa|ed25519)|ecdsa-sha2-\S+) \S+|\bage1[0-9a-z]+"  # a public key
)
"""Random text with a label that says that it is a digest or a public key."""
_DESCRIBES_RANDOM_TEXT: Final = re.compile(
    r"(DIGEST|SHA(1|256|384|512)?|CHECKSUM|COMMIT|REVISION|HASH|INTEGRITY|FINGERPRINT|PUBLIC_?KEY"
    r"|ETAG)$",
    re.IGNORECASE,
)
_IDENTIFIES: Final = re.compile(r"(^|_)(ID|UUID|GUID)S?$", re.IGNORECASE)
"""Ends of names whose values are identifiers, which are written in hex."""

_SEPARATORS: Final = re.compile(r"[\s,;:|\"'()\[\]{}]+|(?<==)(?=[^=])")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_COMMIT: Final = 40
"""Characters of a commit's hash; a key in hex has another length."""
_RANDOM: Final = re.compile(
    r"(?=[^0-9]*[0-9])(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[0-9A-Za-z+_-]{32,}={0,2}"
)
"""32 characters of three classes, with few separators: probably a generated key."""
_BASE64: Final = re.compile(r"[0-9A-Za-z+/]{32,}|[0-9A-Za-z+/]{20,}={1,2}")
_AWS_SECRET: Final = 40
"""Characters of a secret access key of AWS."""
_WORD: Final = re.compile(r"[a-z]{4}")


def looks_like_a_credential(name: str, value: str) -> bool:
    """Whether the variable ``name`` with this value is probably a credential."""
    value = _without_certificates(value)
    if _VALUE.search(value) or _has_random_text(name, value):
        return True
    return bool(value and _NAME.search(name) and not _REFERENCE.search(name))


@lru_cache(maxsize=4096)
def names_a_credential(name: str) -> bool:
    """Whether a variable of this name, whatever its value, is probably a credential."""
    return looks_like_a_credential(name, "named")


def hides_a_credential(name: str, value: str) -> bool:
    """Whether a name that says that its value only locates a credential has one for a value."""
    if not (_NAME.search(name) and _REFERENCE.search(name)) or "://" in value:
        return False
    return bool(_CHOSEN.fullmatch(value)) or looks_like_a_credential(name, value)


def contains_a_credential(value: str) -> bool:
    """Whether a text contains a credential: a password in a URL, a private key, a known token."""
    if len(value) < _SHORTEST or not _has_a_sign(value):
        return False
    value = _without_certificates(value)
    return any(
        not _PUBLIC.match(line, found.start())
        for line in value.splitlines()
        if _has_a_sign(line)
        for found in _VALUE.finditer(line)
    )


def _without_certificates(value: str) -> str:
    return _CERTIFICATE.sub("<certificate>", value) if "-----BEGIN CERT" in value else value


def _has_a_sign(text: str) -> bool:
    for sign in _SIGNS:  # noqa: SIM110  (a generator takes three times as long)
        if sign in text:
            return True
    return False


def _has_random_text(name: str, value: str) -> bool:
    if _DESCRIBES_RANDOM_TEXT.search(name):
        return False
    parts = _SEPARATORS.split(_LABELLED.sub(" ", value))
    return any(_is_random(name, part.rstrip("=") or part, part) for part in parts)


def _is_random(name: str, text: str, padded: str) -> bool:
    if _HEX.fullmatch(text):
        is_key = len(text) in (32, 48) or len(text) > _COMMIT + 8
        return is_key and len({*text}) > 8 and not _IDENTIFIES.search(name)
    if _encodes_a_text(padded):
        return False
    few_separators = (text.count("-") + text.count("_")) * 10 <= len(text)
    if _RANDOM.fullmatch(padded) and few_separators:
        return True
    if text.isalnum():
        return _is_random_word(text)
    return bool(_BASE64.fullmatch(padded)) and _is_random_base64(text, padded)


def _is_random_base64(text: str, padded: str) -> bool:
    """Whether a text with ``/``, ``+`` or padding is random, and no path."""
    if text.startswith("/") or _classes(text) < 3:
        return False
    no_path = "+" in text or padded != text
    usual = 0.4 if no_path else 0.5
    return _changes_of_class(text) > (0.3 if len(padded) == _AWS_SECRET else usual)


def _is_random_word(text: str) -> bool:
    """Whether letters and digits are random, and no words with numbers."""
    digits = [found.group() for found in re.finditer("[0-9]+", text)]
    scattered, changes = len(digits) > 1 and len("".join(digits)) > 2, _changes_of_class(text)
    if len(text) < 20 or not text.isascii():
        return False
    if _classes(text) == 3:
        return changes > (0.45 if scattered else 0.5) and (scattered or not _WORD.search(text))
    return len(text) >= 32 and scattered and changes > 0.25


def _class(character: str) -> str:
    return "0" if character.isdigit() else "a" if character.islower() else "A"


def _classes(text: str) -> int:
    return len({_class(character) for character in text})


def _changes_of_class(text: str) -> float:
    """The share of adjacent characters of different classes: digits, small letters, capitals.

    About 0.6 in a random text; less in words, whose letters are mostly small.
    """
    return sum(_class(a) != _class(b) for a, b in pairwise(text)) / max(len(text) - 1, 1)


def _encodes_a_text(part: str) -> bool:
    """Whether it is base64 of words without a credential."""
    try:
        text = base64.b64decode(part, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return text.isprintable() and not _VALUE.search(text)
