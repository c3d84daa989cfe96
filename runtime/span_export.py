"""Sends spans to an OTLP receiver, from a thread and a bounded queue.

The libraries take 0.3 s to import, so this module is imported only where `[traces]` is set.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from . import __version__
from .lost_telemetry import Counts, LostTelemetry
from .otlp_session import OtlpSession, exporter_options, without_otel_variables
from .queue_limit import QueueLimit
from .traces_config import TracesSection

LONGEST_VALUE: Final = 256
"""Characters of an attribute."""


class CountedExporter(SpanExporter):
    """Counts what became of spans."""

    def __init__(self, inner: SpanExporter, limit: QueueLimit) -> None:
        self.inner = inner
        self.limit = limit

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.limit.export(self.inner.export, spans, SpanExportResult.SUCCESS)

    def shutdown(self) -> None:
        self.inner.shutdown()


class BoundedProcessor(BatchSpanProcessor):
    """Drops and counts new spans while as many wait as the limit allows."""

    def __init__(self, exporter: SpanExporter, limit: QueueLimit) -> None:
        super().__init__(CountedExporter(exporter, limit), **limit.options)
        self.limit = limit

    def on_end(self, span: ReadableSpan) -> None:
        if self.limit.accept():
            super().on_end(span)


def provider_of(
    section: TracesSection,
    resource: Mapping[str, str],
    counts: Counts,
    lost: LostTelemetry | None = None,
) -> TracerProvider:
    """A provider whose spans go to the section's endpoint.

    Args:
        resource: attributes of the program, such as `service.name`.
        lost: gets how many spans wait, and why sending fails.
    """
    with without_otel_variables():
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.version": __version__, **resource}),
            span_limits=SpanLimits(max_attribute_length=LONGEST_VALUE),
            shutdown_on_exit=False,
        )
    provider.add_span_processor(processor_of(section, counts, lost))
    return provider


def processor_of(
    section: TracesSection, counts: Counts, lost: LostTelemetry | None = None
) -> BoundedProcessor:
    """Sends spans to the section's endpoint, from a thread of its own."""
    session = OtlpSession()
    options = exporter_options(section, session)
    with without_otel_variables():
        exporter = OTLPSpanExporter(**options)
        limit = QueueLimit(section.queue, counts)
        processor = BoundedProcessor(exporter, limit)
    if lost is not None:
        lost.waiting, lost.failure = limit.waiting, lambda: session.failure
    # The counts show a collector that is away; the library's lines hold its URL.
    logging.getLogger("opentelemetry").setLevel("CRITICAL")
    return processor
