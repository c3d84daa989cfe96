"""The metrics of the gateway: counts the lines that nginx sends, and asks nginx for connections.

nginx sends one line for each request by UDP to an address of loopback. It never waits for this
program: a line that nobody takes is lost, and lines lost here are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import struct
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from . import __version__
from .metrics_port import serve

LOOPBACK: Final = "127.0.0.1"
TRACES: Final = "QUDAG_MCP_TRACES"
"""Environment variable with the URL of an OTLP receiver."""
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
METHODS: Final = frozenset({"GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH"})
"""A client may send any other name; those are counted together."""
LONGEST_LINE: Final = 4096
STATUS_WITHIN_SECONDS: Final = 2
BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Asked of the kernel for lines that wait; it may give less."""
SO_RXQ_OVFL: Final = 40  # asm-generic/socket.h; Python has no name for it

_LINE: Final = re.compile(
    r"(?:<\d+>.{15} \w+: )?"  # as nginx begins a message of syslog
    r"(?P<route>\S+) (?P<kind>stream|request) (?P<method>\S+) (?P<status>\d{3}) "
    r"(?P<seconds>\d+\.\d{3}) (?:<(?P<trace>[^>]*)> )?"
    r"(?P<rate>\S+) (?P<connections>\S+) (?P<tries>.*)",
    re.DOTALL,
)
_STATUS: Final = re.compile(
    r"Reading: (?P<reading>\d+) Writing: (?P<writing>\d+) Waiting: (?P<waiting>\d+)"
)


class GatewayMetrics:
    """The metrics of one nginx, in a registry of their own.

    Attributes:
        add_span: makes the span of a request; None: there are no spans.
    """

    def __init__(self, status: Callable[[], str]) -> None:
        self.add_span: Callable[[re.Match[str]], None] | None = None
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "mcp_gateway_requests",
            "Requests that nginx has ended.",
            ["route", "kind", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "mcp_gateway_request_duration_seconds",
            "From the first byte of a request to the last byte of its answer.",
            ["route", "kind"],
            buckets=SECONDS,
            registry=registry,
        )
        self.limited = Counter(
            "mcp_gateway_limited",
            "Requests that nginx refused: too many, too many at a time, or a too large body.",
            ["route", "limit"],
            registry=registry,
        )
        self.upstream_errors = Counter(
            "mcp_gateway_upstream_errors",
            "Tries at a server that ended with 5xx, without an answer (502) or too late (504).",
            ["route", "status"],
            registry=registry,
        )
        self.lost = Counter(
            "mcp_gateway_lost_lines",
            "Requests in no other metric: their lines came too fast, or were unreadable.",
            registry=registry,
        )
        self.spans = Counter(
            "mcp_spans",
            "Spans of requests: sent to the collector, not taken by it (failed), or dropped "
            "because too many waited.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("sent", "failed", "dropped"):
            self.spans.labels(outcome)
        registry.register(Connections(status))

    def count(self, line: str) -> None:
        """Count one request."""
        if not (found := _LINE.fullmatch(line)):
            self.lost.inc()
            return
        route, kind, status = found["route"], found["kind"], found["status"]
        method = found["method"] if found["method"] in METHODS else "other"
        self.requests.labels(route, kind, method, status).inc()
        self.seconds.labels(route, kind).observe(float(found["seconds"]))
        if self.add_span is not None:
            self.add_span(found)
        tries = re.findall(r"\d{3}", found["tries"])
        for limit in _limits(found, answered=bool(tries)):
            self.limited.labels(route, limit).inc()
        for answer in tries:
            if answer.startswith("5"):
                self.upstream_errors.labels(route, answer).inc()


def _limits(found: re.Match[str], *, answered: bool) -> Iterator[str]:
    """The limits of nginx that refused a request."""
    if found["rate"] == "REJECTED":
        yield "requests"
    if found["connections"] == "REJECTED":
        yield "connections"
    if found["status"] == "413" and not answered:
        yield "body"


class Connections(Collector):
    """The connections of nginx's clients when Prometheus asks, from nginx's ``stub_status``."""

    def __init__(self, status: Callable[[], str]) -> None:
        self.status = status

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """As `Collector.collect`."""
        up = GaugeMetricFamily(
            "mcp_gateway_up", "1 when nginx has answered the question for its connections."
        )
        connections = GaugeMetricFamily(
            "mcp_gateway_connections",
            "Connections of clients: a request is read, is being answered, or none is open.",
            labels=["state"],
        )
        found = None
        with contextlib.suppress(OSError, ValueError):
            found = _STATUS.search(self.status())
        up.add_metric([], 1 if found else 0)
        if found:
            for state in ("reading", "writing", "waiting"):
                # nginx counts the request for its status, too.
                own = 1 if state == "writing" else 0
                connections.add_metric([state], max(0, int(found[state]) - own))
        yield up
        yield connections


def asked(url: str) -> Callable[[], str]:
    """A function that gets a page of nginx."""

    def ask() -> str:
        with urllib.request.urlopen(url, timeout=STATUS_WITHIN_SECONDS) as answer:  # noqa: S310
            return answer.read(LONGEST_LINE).decode()

    return ask


def receiver(port: int) -> socket.socket:
    """The socket to which nginx sends its lines."""
    lines = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lines.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    with contextlib.suppress(OSError):  # only Linux counts what it drops
        lines.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    lines.bind((LOOPBACK, port))
    return lines


def receive(lines: socket.socket, metrics: GatewayMetrics) -> None:
    """Count lines until the process ends."""
    dropped = 0
    while True:
        line, ancillary, _, _ = lines.recvmsg(LONGEST_LINE, socket.CMSG_SPACE(4))
        for _, kind, content in ancillary:
            if kind == SO_RXQ_OVFL:
                total: int = struct.unpack("=I", content[:4])[0]
                metrics.lost.inc((total - dropped) % 2**32)
                dropped = total
        metrics.count(line.decode(errors="replace"))


def gateway_metrics(arguments: list[str]) -> int:
    """Run the exporter; returns only if it could not start."""
    chosen = _parser().parse_args(arguments)
    metrics = GatewayMetrics(asked(chosen.status))
    try:
        lines = receiver(chosen.lines)
        serve(chosen.port, metrics.registry)
    except OSError as error:
        print(f"qudag-mcp-server: a port cannot be used: {error}", file=sys.stderr)
        return 1
    if chosen.traces_ca is not None:
        # Its libraries take long to import: lines wait in the socket.
        metrics.add_span = _spans(metrics, chosen.traces_ca)
    receive(lines, metrics)
    return 0


def _spans(metrics: GatewayMetrics, authorities: Path) -> Callable[[re.Match[str]], None]:
    from opentelemetry.sdk.resources import Resource

    from .gateway_spans import span_maker
    from .span_export import processor_of
    from .traces_config import TracesSection

    section = TracesSection(endpoint=os.environ[TRACES], ca_file=authorities)

    def count(outcome: str, number: int) -> None:
        metrics.spans.labels(outcome).inc(number)

    resource = Resource({"service.name": "gateway", "service.version": __version__})
    return span_maker(processor_of(section, count), resource)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("qudag-mcp-server gateway-metrics", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port of /metrics")
    parser.add_argument(
        "--lines", type=int, required=True, help="UDP port of loopback that nginx sends lines to"
    )
    parser.add_argument("--status", required=True, help="URL of nginx's stub_status")
    parser.add_argument(
        "--traces-ca",
        type=Path,
        help=f"CAs of the OTLP receiver in ${TRACES}, which gets a span for each request",
    )
    return parser
