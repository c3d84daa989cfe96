"""Section `observability.traces`: which traces are kept, and where."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import Bytes, Cidr, Url, Word
from .pods import SecretKey
from .section import Section


class TraceSink(Section):
    """Where kept traces go: anything that takes OTLP over HTTP with TLS."""

    url: Url = Field(description="Its URL without /v1/traces, which is appended.")
    networks: list[Cidr] = Field(
        min_length=1,
        max_length=50,
        description="Networks of its addresses, which the collector may connect to at the URL's "
        "port.",
    )
    token: SecretKey | None = Field(
        default=None, description="What is sent with each request, without spaces; absent: nothing."
    )
    header: Word = Field(
        default="Authorization", description="The header that has the token, such as DD-API-KEY."
    )
    scheme: Literal["Bearer", "Basic", "ApiKey", "none"] = Field(
        default="Bearer",
        description="What precedes the token in the header; none: nothing, for a header such as "
        "DD-API-KEY.",
    )
    ca: SecretKey | None = Field(
        default=None,
        description="Authority that signs its certificate; absent: a public one.",
    )


class TraceStore(Section):
    """The Jaeger that the stack deploys, with observability.kind standalone and without a sink."""

    retention_days: int = Field(
        default=7, ge=1, le=365, description="Days after which traces are deleted."
    )
    size: Bytes = Field(
        default="10Gi",
        description="Its volume, of the class data.storageClass. Nothing is deleted earlier when "
        "it is full.",
    )


class Traces(Section):
    """Spans of the gateway and of servers, and the collector that keeps some of their traces."""

    percent: float = Field(
        default=10,
        ge=0,
        le=100,
        description="Of the traces without an error that are not slow, the share that is kept. "
        "Traces with an error are kept, but for those of more than 2 MiB and those that waiting or "
        "queue have no room for.",
    )
    slow_seconds: float = Field(
        default=2, ge=0.001, le=3600, description="A trace that lasts at least this long is kept."
    )
    waiting: int = Field(
        default=20_000,
        ge=100,
        le=100_000,
        description="Most traces in the collector's memory that wait for the decision whether they "
        "are kept; above it the oldest is lost.",
    )
    queue: Bytes = Field(
        default="64Mi",
        description="Most bytes of kept traces in the collector's memory while the store or sink "
        "cannot be reached; above it traces are lost.",
    )
    sink: TraceSink | None = Field(
        default=None,
        description="Where kept traces are sent; absent with observability.kind standalone: to the "
        "Jaeger that the stack deploys.",
    )
    store: TraceStore | None = Field(
        default=None, description="Options of the Jaeger that the stack deploys; refused with sink."
    )
