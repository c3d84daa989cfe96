"""The HTTP session of the exporters of spans and log lines, and the environment of their making."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import requests


class OtlpSession(requests.Session):
    """Uses no proxy, and notes why the last request failed.

    Attributes:
        failure: the status or the type of the exception; None after a success.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # no proxy
        self.failure: str | None = None

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """As `requests.Session.request`; raises `TooManyRedirects` for any redirect."""
        try:
            response = super().request(*args, **options)
        except Exception as error:
            self.failure = type(error).__name__
            raise
        self.failure = None if response.ok else str(response.status_code)
        if response.is_redirect:  # followed by nobody, and taken for a success
            self.failure = str(response.status_code)
            raise requests.TooManyRedirects(self.failure)
        return response


@contextmanager
def own_settings() -> Generator[None]:
    """Hide the variables of OpenTelemetry, which the libraries read when an exporter is made.

    They are those of a program of the user, which a bridge starts with the same environment: its
    token would be sent to the receiver of the server.
    """
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("OTEL_")}
    try:
        yield
    finally:
        os.environ.update(hidden)
