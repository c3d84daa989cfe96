"""Serves metrics at a port of their own, in a thread."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, start_http_server


def serve(port: int, registry: CollectorRegistry) -> None:
    """Offer the metrics on every address, of IPv6 too where the kernel has it."""
    try:
        start_http_server(port, addr="::", registry=registry)
    except OSError:
        start_http_server(port, addr="0.0.0.0", registry=registry)  # noqa: S104
