"""What is wrong between the fields of a receiver of OTLP, in a program or in a stack file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..base.constraints import shown
from ..base.problems import Problem

PATHS: Final = ("/v1/traces", "/v1/logs")
"""Paths of OTLP over HTTP, which are appended to a URL."""
LOKI_PATHS: Final = ("/otlp/v1/logs", "/loki/api/v1/push", "/otlp", *PATHS)
"""Paths of Loki: ``/otlp/v1/logs`` is appended to its URL."""


def path_problems(url: str, paths: Sequence[str] = PATHS) -> Iterator[Problem]:
    """A path in a URL to which the path of what is sent is appended.

    Args:
        url: of the receiver.
        paths: that may not be its end, longer ones before those that end like them.
    """
    for path in paths:
        if url.rstrip("/").endswith(path):
            yield Problem(
                "url",
                f"ends with {path}",
                "a path is appended to it: the receiver would answer 404, and nothing would arrive",
                f"leave {path} out",
            )
            return


def token_problems(receiver: Any, *, has_token: bool) -> Iterator[Problem]:
    """A header and a scheme that do not fit each other or the token.

    Args:
        receiver: with the fields ``header`` and ``scheme``.
        has_token: whether a token is sent.
    """
    usual = receiver.header.lower() == "authorization"
    if not has_token and not usual:
        yield Problem(
            "header",
            f"is {shown(receiver.header)}, and there is no token",
            "requests would have no such header",
            "name the secret with the token in token, or leave header out",
        )
    if not has_token and receiver.scheme != "Bearer":
        yield Problem(
            "scheme",
            f"is {receiver.scheme}, and there is no token",
            "it would have no effect",
            "name the secret with the token in token, or leave scheme out",
        )
    if has_token and not usual and receiver.scheme != "none":
        yield Problem(
            "scheme",
            f"is {receiver.scheme}, and header is {shown(receiver.header)}",
            f"the header would have {receiver.scheme} in front of the token: the receiver would "
            "refuse it",
            "set scheme to none, or leave header out",
        )
    if has_token and usual and receiver.scheme == "none":
        yield Problem(
            "scheme",
            "is none, and header is Authorization",
            "the receiver would find no scheme in front of the token, and refuse it",
            "write Bearer, Basic or ApiKey",
        )
