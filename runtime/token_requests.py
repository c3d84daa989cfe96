"""Requests to the services that give out tokens: metadata servers and token endpoints of clouds."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from .renewed_token import TokenError

WITHIN_SECONDS = 3.0
ATTEMPTS = 2
LARGEST = 100_000
"""Bytes of an answer; tokens are a few kilobytes."""


def _opener(proxies: dict[str, str] | None) -> urllib.request.OpenerDirector:
    """Follows no redirect, because the request may have a credential."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def fetched(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> bytes:
    """The answer's body; with `form` or `body` it is a POST.

    A metadata server (`http://`) is asked directly, an endpoint outside through the proxy of the
    environment, if there is one.

    Raises:
        TokenError: no answer after two attempts, or an error.
    """
    sent = urlencode(form).encode() if form is not None else body
    request = urllib.request.Request(url, data=sent, headers=dict(headers or {}))  # noqa: S310
    opener = _opener({} if url.startswith("http://") else None)
    place = urlsplit(url).netloc
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            with opener.open(request, timeout=WITHIN_SECONDS) as answer:
                return answer.read(LARGEST)
        except urllib.error.HTTPError as error:
            with error:
                reason = f"answered {error.code} {_said(error.read(LARGEST))}".strip()
            if error.code < 500 and error.code != 429:
                break
        except (OSError, HTTPException) as error:
            reason = f"does not answer: {getattr(error, 'reason', None) or error}"
    raise TokenError(f"no token: {place} {reason}")


def fetched_object(url: str, **request: Any) -> dict[str, Any]:
    """The JSON object of the answer; raises `TokenError`."""
    try:
        answer: Any = json.loads(fetched(url, **request))
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TokenError(f"no token: {urlsplit(url).netloc} answered no JSON object")
    return cast("dict[str, Any]", answer)


def _said(body: bytes) -> str:
    """The code of an error, without the text around it, which may repeat the request."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ""
    error: Any = cast("dict[str, Any]", answer).get("error") if isinstance(answer, dict) else None
    return f"({error})" if isinstance(error, str) and len(error) < 80 else ""
