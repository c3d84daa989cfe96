"""The `[log_export]` section of server.toml: where the server sends copies of its log lines."""

from __future__ import annotations

from .otlp_config import OtlpSection


class LogExportSection(OtlpSection):
    """The `[log_export]` section; without it log lines are written to stderr alone."""
