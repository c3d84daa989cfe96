"""Sends copies of log lines to an OTLP receiver, from a thread and a bounded queue.

The libraries take 0.3 s to import, so this module is imported only where `[log_export]` is set.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExporter,
    LogRecordExportResult,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from . import __version__
from .log_export_config import LogExportSection
from .log_masking import attributes_of, is_security, masked
from .lost_telemetry import Counts, LostTelemetry
from .otlp_session import OtlpSession, exporter_options, without_otel_variables
from .queue_limit import QueueLimit

_SEVERITIES: Final[Mapping[str, tuple[str, SeverityNumber]]] = {
    "debug": ("debug", SeverityNumber.DEBUG),
    "info": ("info", SeverityNumber.INFO),
    "warning": ("warn", SeverityNumber.WARN),
    "error": ("error", SeverityNumber.ERROR),
    "critical": ("fatal", SeverityNumber.FATAL),
}
_NO_ATTRIBUTES: Final = frozenset(
    {"time", "ts", "level", "msg", "message", "logtag", "trace_id", "span_id"}
)
"""A record has fields of its own for them, or the collector leaves them out."""


class CountedExporter(LogRecordExporter):
    """Counts what became of lines."""

    def __init__(self, inner: LogRecordExporter, limit: QueueLimit) -> None:
        self.inner = inner
        self.limit = limit

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self.limit.export(self.inner.export, batch, LogRecordExportResult.SUCCESS)

    def shutdown(self) -> None:
        self.inner.shutdown()

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        return self.inner.force_flush(timeout_millis)


class BoundedProcessor(BatchLogRecordProcessor):
    """Drops and counts new lines while as many wait as the limit allows."""

    def __init__(self, exporter: LogRecordExporter, limit: QueueLimit) -> None:
        super().__init__(CountedExporter(exporter, limit), **limit.options)
        self.limit = limit

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if self.limit.accept():
            super().on_emit(log_record)


class LogExport:
    """Takes log lines, and sends them to the section's endpoint.

    Args:
        section: where.
        resource: attributes of the program, such as `service.name`.
        counts: called with the outcome and the number of lines.
        lost: gets how many lines wait, and why sending fails.
    """

    def __init__(
        self,
        section: LogExportSection,
        resource: Mapping[str, str],
        counts: Counts,
        lost: LostTelemetry | None = None,
    ) -> None:
        session = OtlpSession()
        options = exporter_options(section, session)
        with without_otel_variables():
            exporter = OTLPLogExporter(**options)
            self.provider = LoggerProvider(
                Resource({"service.version": __version__, **resource}), shutdown_on_exit=False
            )
            self.logger = self.provider.get_logger("qudag-mcp-server")
            limit = QueueLimit(section.queue, counts)
            self.provider.add_log_record_processor(BoundedProcessor(exporter, limit))
        if lost is not None:
            lost.waiting, lost.failure = limit.waiting, lambda: session.failure
        # The counts show that a receiver does not answer. The library's lines contain its URL.
        logging.getLogger("opentelemetry").setLevel("CRITICAL")
        self.counts = counts

    def copy(self, line: Mapping[str, Any]) -> None:
        """Queue a copy of a line; one of which no copy can be made is counted."""
        try:
            record = record_of(line)
        except Exception:  # the caller has written the line already
            self.counts("failed", 1)
            return
        self.logger.emit(record)

    def shutdown(self) -> None:
        """Send the lines that wait."""
        self.provider.shutdown()


def record_of(line: Mapping[str, Any]) -> LogRecord:
    """A line in OTLP, in the form that the collector of log lines gives it in a cluster.

    Secrets and personal data are masked. The subject is the first 16 digits of its SHA-256, and the
    client's address its network: 24 bits of IPv4, 32 of IPv6.
    """
    text, number = _SEVERITIES.get(line["level"], ("info", SeverityNumber.INFO))
    facts = {name: value for name, value in line.items() if name not in _NO_ATTRIBUTES}
    if "subject" in facts:
        subject = str(facts["subject"]).encode(errors="backslashreplace")
        facts["subject"] = sha256(subject).hexdigest()[:16]
    if "client" in facts and (network := _network(str(facts.pop("client")))):
        facts["client"] = network
    if is_security(line):
        facts["category"] = "security"
    now = time.time_ns()
    return LogRecord(
        timestamp=now,
        observed_timestamp=now,
        context=_context(line),
        severity_text=text,
        severity_number=number,
        body=masked(str(line["event"])),
        attributes=attributes_of(facts),
    )


def _network(address: str) -> str | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    bits = 24 if found.version == 4 else 32
    return str(ipaddress.ip_network((found, bits), strict=False).network_address)


def _context(line: Mapping[str, Any]) -> Context:
    trace, span = _id(line.get("trace_id"), 32), _id(line.get("span_id"), 16)
    ids = SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(ids), Context())


def _id(text: object, digits: int) -> int:
    """An id; 0, which means none, if the text is not one."""
    found = isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", text)
    return int(text, 16) if isinstance(text, str) and found else 0
