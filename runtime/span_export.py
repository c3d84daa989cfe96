"""Sends spans to an OTLP receiver, from a thread and a bounded queue.

The libraries take 0.3 s to import, so this module is imported only where `[traces]` is set.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from . import __version__
from .lost_telemetry import LostTelemetry
from .otlp_session import OtlpSession, own_settings
from .traces_config import TracesSection
from .tracing import SpanCounts

BATCH: Final = 512
DELAY_MILLISECONDS: Final = 1000
"""The longest that a span waits for others; a collector decides on a trace much later."""
LONGEST_VALUE: Final = 256
"""Characters of an attribute."""


class CountedExporter(SpanExporter):
    """Counts what became of spans."""

    def __init__(self, inner: SpanExporter, counts: SpanCounts) -> None:
        self.inner = inner
        self.counts = counts
        self.taken = 0
        self.ended = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self.inner.export(spans)
        finally:
            sent = result is SpanExportResult.SUCCESS
            self.ended += len(spans)
            self.counts("sent" if sent else "failed", len(spans))
        return result

    def shutdown(self) -> None:
        self.inner.shutdown()


class BoundedProcessor(BatchSpanProcessor):
    """Drops and counts new spans while as many wait as the queue takes.

    The library's own class drops the oldest, and says so only in a log line.
    """

    def __init__(self, exporter: CountedExporter, queue: int) -> None:
        super().__init__(
            exporter,
            # Never full: `on_end` adds nothing then.
            max_queue_size=queue + BATCH,
            schedule_delay_millis=DELAY_MILLISECONDS,
            max_export_batch_size=min(BATCH, queue),
        )
        self.exporter = exporter
        self.queue = queue
        self.accepted = 0

    def waiting(self) -> int:
        """How many are neither sent nor lost."""
        return self.accepted - self.exporter.ended

    def on_end(self, span: ReadableSpan) -> None:
        if self.accepted - self.exporter.taken >= self.queue:
            self.exporter.counts("dropped", 1)
            return
        self.accepted += 1
        super().on_end(span)


def provider_of(
    section: TracesSection,
    resource: Mapping[str, str],
    counts: SpanCounts,
    lost: LostTelemetry | None = None,
) -> TracerProvider:
    """A provider whose spans go to the section's endpoint.

    Args:
        resource: attributes of the program, such as `service.name`.
        lost: is told how many spans wait, and why sending fails.
    """
    with own_settings():
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.version": __version__, **resource}),
            span_limits=SpanLimits(max_attribute_length=LONGEST_VALUE),
            shutdown_on_exit=False,
        )
    provider.add_span_processor(processor_of(section, counts, lost))
    return provider


def processor_of(
    section: TracesSection, counts: SpanCounts, lost: LostTelemetry | None = None
) -> BoundedProcessor:
    """Sends spans to the section's endpoint, from a thread of its own."""
    session = OtlpSession()
    headers = section.headers()
    with own_settings():
        exporter = OTLPSpanExporter(
            endpoint=section.endpoint,
            certificate_file=section.authorities(),
            headers=headers,
            timeout=section.timeout_seconds,
            compression=Compression.Gzip,
            session=session,
        )
        processor = BoundedProcessor(CountedExporter(exporter, counts), section.queue)
    if lost is not None:
        lost.waiting, lost.failure = processor.waiting, lambda: session.failure
    # A collector that is away is told by the counts; the library's lines hold its URL.
    logging.getLogger("opentelemetry").setLevel("CRITICAL")
    return processor
