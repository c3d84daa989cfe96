"""Finds commands that pass a download to an interpreter without verifying it."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final

_FETCH: Final = r"(curl|wget|aria2c|fetch|lwp-download|iwr|irm|invoke-webrequest|invoke-restmethod)"
_INTERPRETER: Final = (
    r"(\S*/)?(env\s+)?((ba|z|k|da|a|c|fi)?sh|python[0-9.]*|perl|ruby|node|php|pwsh|powershell"
    r"|iex|invoke-expression)(\.exe)?"
)
_RUN_AS: Final = r"((sudo|doas|exec|nohup|time|xargs)\s+(-\S+\s+(\w+\s+(?=-))?)*|\w+=\S*\s+)*"
_PIPED: Final = re.compile(
    rf"\b{_FETCH}(\.exe)?\b[^\n;]*\|\s*{_RUN_AS}{_INTERPRETER}(?=$|[\s;&|)'\"`])"
    rf"|(?<![\w.-])((ba|z|k|da)?sh|eval|source|\.|python[0-9.]*|iex|invoke-expression)\s+(-\w+\s+)*"
    rf"[\"']?(<\(|\$\(|`|\(|&\s*\()\s*(sudo\s+)?{_FETCH}\b"
    rf"|\bbase64(\.exe)?\s+(-d|-D|--decode)\b[^\n;]*\|\s*{_RUN_AS}{_INTERPRETER}(?=$|[\s;&|)'\"`])"
    r"|\bexec\(.*\b(urlopen|requests\.get|urlretrieve)\("
    r"|\b(iex|invoke-expression)\b[^\n]*\b(downloadstring|downloaddata)\b"
    r"|\b(downloadstring|downloaddata)\b[^\n]*\|\s*(iex|invoke-expression)\b",
    re.IGNORECASE | re.MULTILINE,
)
_FETCHING: Final = (
    *("curl", "wget", "aria2c", "fetch", "lwp-", "iwr", "irm", "invoke-"),
    *("downloadstring", "downloaddata", "base64", "urlopen", "requests.get", "urlretrieve"),
)
_COMMENT: Final = re.compile(r"^[ \t]*#(?!!).*$", re.MULTILINE)
_CONTINUED: Final = re.compile(r"\\\r?\n|(?<=\|)[ \t]*\r?\n")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{24,}={0,2}\s*")
_EMBEDDED: Final = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={0,2}(?![A-Za-z0-9+/=])")
_LONGEST: Final = 10_000_000
"""Characters of an encoded text; a longer one is a finding of its own."""


def runs_a_download(text: str) -> bool:
    """Whether a script, or a script that the text encodes, runs what it downloads."""
    if _pipes(text):
        return True
    if len(text) > _LONGEST:
        return False
    if _BASE64.fullmatch(text):
        return _pipes(_decoded(text))
    if "base64" in text or "-enc" in text.casefold():
        return any(_pipes(_decoded(found[0])) for found in _EMBEDDED.finditer(text))
    return False


def decoded(text: str) -> str:
    """The text that a value encodes as base64, also compressed; empty where it encodes none."""
    if len(text) > _LONGEST or not _BASE64.fullmatch(text):
        return ""
    return _decoded(text)


def _pipes(text: str) -> bool:
    if not ("|" in text or "(" in text or "`" in text):
        return False
    lowered = text.lower()
    if not any(word in lowered for word in _FETCHING):
        return False
    return bool(_PIPED.search(_CONTINUED.sub(" ", _COMMENT.sub("", text))))


def _decoded(text: str) -> str:
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(raw, _LONGEST)
        except zlib.error:
            return ""
    if raw.count(b"\0") * 3 > len(raw):
        return raw.decode("utf-16-le", "replace")
    return raw.decode(errors="replace")
