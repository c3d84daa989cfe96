"""Starts and ends the making of spans with the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .config import Config
from .lost_telemetry import LostTelemetry
from .metrics import Metrics
from .telemetry_end import Sender, Senders
from .toml_config import StartError
from .traces_config import TracesSection
from .tracing import use

MISSING_LIBRARIES = (
    "the library opentelemetry-exporter-otlp-proto-http is not installed: install it, or leave "
    "{option} out"
)


def check_libraries(option: str) -> None:
    """Raise `StartError` if the libraries that send spans are not installed.

    Args:
        option: what asks for them.
    """
    try:
        from . import span_export  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise StartError(MISSING_LIBRARIES.format(option=option)) from None


@dataclass(frozen=True)
class Spans:
    """The spans of a program; none without a section.

    Attributes:
        section: where they go.
        resource: attributes of the program, such as `service.name`.
    """

    section: TracesSection | None
    resource: Mapping[str, str]
    metrics: Metrics

    @classmethod
    def of(cls, config: Config, metrics: Metrics) -> Spans:
        """Those of a server; raises `StartError` if the libraries are not installed."""
        if config.traces is not None:
            check_libraries("[traces]")
        return cls(config.traces, config.resource_attributes, metrics)

    @asynccontextmanager
    async def running(self, senders: Senders) -> AsyncGenerator[None]:
        """Make spans until the end of the block; `senders` sends those that wait."""
        section = self.section
        if section is None:
            yield
            return
        from .span_export import provider_of

        lost = LostTelemetry("traces")

        def count(outcome: str, number: int) -> None:
            self.metrics.count_spans(outcome, number)
            lost(outcome, number)

        provider = provider_of(section, self.resource, count, lost)
        senders.every.append(Sender(provider.shutdown, section.timeout_seconds, lost))
        use(provider)
        try:
            yield
        finally:
            use(None)
