"""The HTTP session of the exporters of spans and log lines, and how these are made."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypedDict

import requests
from opentelemetry.exporter.otlp.proto.http import Compression

from .otlp_config import OtlpSection


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


class ExporterOptions(TypedDict):
    """Arguments of the exporters of the OpenTelemetry SDK."""

    endpoint: str
    certificate_file: str | None
    headers: dict[str, str]
    timeout: float
    compression: Compression
    session: requests.Session


def exporter_options(section: OtlpSection, session: OtlpSession) -> ExporterOptions:
    """Of an exporter that sends to the section's endpoint.

    Call it outside of `without_otel_variables`, which may hide the variable with the token.
    """
    return ExporterOptions(
        endpoint=section.endpoint,
        certificate_file=section.authorities(),
        headers=section.headers(),
        timeout=section.timeout_seconds,
        compression=Compression.Gzip,
        session=session,
    )


@contextmanager
def without_otel_variables() -> Generator[None]:
    """Hide the variables of OpenTelemetry, which the libraries read when an exporter is made.

    They are those of a program of the user, which a bridge starts with the same environment: its
    token would be sent to the receiver of the server.
    """
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("OTEL_")}
    try:
        yield
    finally:
        os.environ.update(hidden)
