"""The `[traces]` section of server.toml: where the server sends its spans."""

from __future__ import annotations

from .otlp_config import OtlpSection


class TracesSection(OtlpSection):
    """The `[traces]` section; without it the server makes no spans."""
