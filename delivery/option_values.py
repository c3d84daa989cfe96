"""Refuses URLs, tokens and files of the command line that no program can use."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from components.base.problems import Problem, ProblemReport

_FILE_FIX: Final = "name another file, or correct its path or its mode"


def refused(option: str, what: str, consequence: str, fix: str) -> ProblemReport:
    """One problem about a value of an option."""
    return ProblemReport([Problem(option, what, consequence, fix)])


def base_url(option: str, text: str, consequence: str, example: str) -> str:
    """The URL of an HTTP API, without a slash at its end.

    Args:
        option: whose value it is, for the message; the URL is in it without its password.
        text: as it was given.
        consequence: of the refusal.
        example: a URL as it should be.

    Raises:
        ProblemReport: it is malformed, has no host, another scheme, a query or a fragment.
    """
    import httpx2  # not in the environment of a command that previews

    path = f"{option} {without_password(text)}"
    fix = f"write it with scheme, host and port, such as {example}"
    try:
        url = httpx2.URL(text.strip())
        port = url.port
    except (httpx2.InvalidURL, ValueError) as error:
        raise refused(path, f"it is not a URL: {error}", consequence, fix) from None
    if url.scheme not in ("http", "https") or not url.host or any(map(str.isspace, url.host)):
        raise refused(path, "it is not an HTTP URL with a host", consequence, fix)
    if port is not None and not 0 < port < 65536:
        raise refused(path, f"{port} is no port", consequence, fix)
    if url.query or url.fragment:
        raise refused(path, "paths are appended to it, and it has a ? or #", consequence, fix)
    return str(url).rstrip("/")


def without_password(url: str) -> str:
    """The URL without user and password."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def bearer_token(option: str, token: str | None, consequence: str) -> str | None:
    """A token that a header can carry; None if none was given.

    Raises:
        ProblemReport: it has other characters than those; the message does not contain it.
    """
    text = (token or "").strip()
    if not all("!" <= letter <= "~" for letter in text):
        raise refused(
            option,
            "it has characters that the header Authorization cannot carry",
            consequence,
            "pass the token alone: visible ASCII characters without spaces or line breaks",
        )
    return text or None


def read_text(option: str, file: Path, consequence: str) -> str:
    """The content of a text file.

    Raises:
        ProblemReport: it cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        what = "it is no text in UTF-8"
    except (OSError, ValueError) as error:
        what = _reason(error)
    raise refused(f"{option} {file}".strip(), what, consequence, _FILE_FIX)


def certificates(option: str, file: Path, consequence: str) -> str:
    """Certificates of authorities in PEM.

    Raises:
        ProblemReport: the file cannot be read, or has no certificate.
    """
    # Comments between the certificates may have letters that no context takes.
    text = read_text(option, file, consequence).encode("ascii", "replace").decode("ascii")
    try:
        if not text.strip():
            raise ValueError("the file is empty")
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        said = getattr(error, "reason", None) or str(error)
        raise refused(
            f"{option} {file}",
            f"it has no certificate in PEM that can be read: {said}",
            consequence,
            "name the file with the authority's certificate: -----BEGIN CERTIFICATE-----",
        ) from None
    return text


def refuse_unwritable(option: str, files: Sequence[Path], consequence: str) -> None:
    """Refuse files that cannot be created, before the work whose result they are for.

    Raises:
        ProblemReport: a path is a directory, or is in none that exists and may be written.
    """
    found: list[Problem] = []
    for file in files:
        try:
            there = file.exists()
            with file.open("ab"):
                pass
            if not there:
                file.unlink()
        except (OSError, ValueError) as error:
            found.append(Problem(f"{option} {file}", _reason(error), consequence, _FILE_FIX))
    if found:
        raise ProblemReport(found)


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"it cannot be opened: {reason or error}"
