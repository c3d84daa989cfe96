"""Starts and ends the making of spans with the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from prometheus_client import disable_created_metrics

from .config import Config
from .metrics import Metrics
from .toml_config import StartError
from .tracing import use

LACKING = (
    "traces: the library opentelemetry-exporter-otlp-proto-http is not installed: install it, or "
    "leave [traces] out"
)


@dataclass(frozen=True)
class Spans:
    """The spans of a server with `[traces]`; none without that section."""

    config: Config
    metrics: Metrics

    @classmethod
    def of(cls, config: Config, metrics: Metrics) -> Spans:
        """Raises `StartError` if the libraries that send spans are not installed."""
        if config.traces is not None:
            try:
                from . import span_export  # noqa: F401  # pyright: ignore[reportUnusedImport]
            except ImportError:
                raise StartError(LACKING) from None
        return cls(config, metrics)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Make spans until the end of the block; then send those that wait, within a time."""
        section = self.config.traces
        if section is None:
            yield
            return
        from .span_export import provider_of

        resource = {"service.name": self.config.name, "qudag.role": self.config.role}
        if (environment := self.config.server.environment) is not None:
            resource["deployment.environment.name"] = environment
        provider = provider_of(section, resource, self.metrics.count_spans)
        use(provider)
        disable_created_metrics()  # OpenMetrics has a further series for each counter
        try:
            yield
        finally:
            use(None)
            with anyio.move_on_after(section.timeout_seconds, shield=True):
                await anyio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)
