"""Measures the reference server behind the gateway's nginx: latency, rate, streams, drain."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .load import Ask
from .raw_requests import call_of_echo, get, modern_post
from .running_server import ROUTE_PATH, Served, served

if TYPE_CHECKING:
    from rich.table import Table

STREAMS = 2_000
REQUESTS = 1_000
AT_ONCE = 16
"""Number of connections in the measurement of requests per second."""

NGINX, HEALTH, CALL = "nginx alone", "/health", "tools/call"
DIRECT, GATEWAY, ROUTE = ", direct", ", gateway", ", gateway with authentication"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Milliseconds per request of an idle server, and requests per second of a busy one."""

    name: str
    p50: float
    p95: float
    p99: float
    rate: float | None = None

    @classmethod
    def of(cls, name: str, seconds: list[float], rate: float | None = None) -> Latency:
        cut = [1000 * second for second in statistics.quantiles(seconds, n=100)]
        return cls(name=name, p50=cut[49], p95=cut[94], p99=cut[98], rate=rate)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The results of the serving bench.

    Attributes:
        latencies: of each kind of request, by name.
        client_ms: CPU time of the client per request; part of every latency.
        streams: number of streams, opened before the following values were measured.
        alive: streams that are still open after a round of calls.
        whole: streams that the stopping server ended gracefully.
        server_kib, nginx_kib: memory per stream.
        drain_seconds: from SIGTERM to the server's end, with all streams open.
    """

    latencies: dict[str, Latency]
    client_ms: float
    streams: int
    alive: int
    whole: int
    server_kib: float
    nginx_kib: float
    drain_seconds: float

    def added_ms(self, kind: str) -> float:
        """The median latency that the gateway adds to ``/health`` or ``tools/call``."""
        return self.latencies[kind + GATEWAY].p50 - self.latencies[kind + DIRECT].p50

    @property
    def authentication_ms(self) -> float:
        """The median latency that the gateway's check of a remembered token adds to a call."""
        return self.latencies[CALL + ROUTE].p50 - self.latencies[CALL + GATEWAY].p50


def measure(
    tell: Callable[[str], None], *, streams: int = STREAMS, requests: int = REQUESTS
) -> Serving:
    """Run server and gateway, and measure them with a client in its own process.

    Raises:
        ProblemReport: nginx is not installed.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a stream is four open files
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's workers are another user where its master is root
        with served(folder) as up:
            return _measured(up, tell, streams, requests)


def _measured(up: Served, tell: Callable[[str], None], streams: int, requests: int) -> Serving:
    asks = _asks(up)
    job = {
        "ca_file": str(up.ca_file),
        "asks": [asdict(ask) for ask in asks],
        "warm_up": max(20, requests // 10),
        "requests": requests,
        "at_once": AT_ONCE,
        "stream": asdict(_listen(up)),
        "streams": streams,
    }
    with _Client(job) as client:
        tell("serving: latency")
        found = client.step()
        tell("serving: requests a second")
        rates = client.step()["rates"]
        before = up.kibibytes()
        tell(f"serving: {streams} open streams")
        client.step()
        server, nginx = (now - then for now, then in zip(up.kibibytes(), before, strict=True))
        loaded = client.step()
        tell("serving: drain")
        client.go_on()
        drained = up.stop_server()
        ended = client.said()
    latencies = [Latency.of(a.name, found["seconds"][a.name], rates[a.name]) for a in asks]
    latencies.append(Latency.of(f"{CALL}, gateway, {streams} streams open", loaded["seconds"]))
    return Serving(
        latencies={latency.name: latency for latency in latencies},
        client_ms=1000 * found["client_seconds"],
        streams=streams,
        alive=loaded["alive"],
        whole=ended["whole"],
        server_kib=server / streams,
        nginx_kib=nginx / streams,
        drain_seconds=drained,
    )


def tables(found: Serving) -> list[Table]:
    """The tables of requests and of open streams, ratios first."""
    return [_requests(found), _streams(found)]


def _requests(found: Serving) -> Table:
    from rich.table import Table

    shown = Table(
        title=f"The reference server behind nginx, on loopback, {os.cpu_count()} cores",
        caption=f"Authentication at the gateway adds {found.authentication_ms:.2f} ms to a call."
        f" One request at a time, of which the client's own CPU is {found.client_ms:.2f} ms;"
        f" a second: over {AT_ONCE} connections. nginx alone: the gateway's own 404.",
    )
    for heading in ("request", "× nginx", "nginx adds ms", "p50 ms", "p95", "p99", "a second"):
        shown.add_column(heading, justify="left" if heading == "request" else "right")
    alone = found.latencies[NGINX].p50
    for one in found.latencies.values():
        added = (
            found.added_ms(one.name.removesuffix(GATEWAY)) if one.name.endswith(GATEWAY) else None
        )
        shown.add_row(
            one.name,
            f"{one.p50 / alone:.1f}",
            "" if added is None else f"{added:.2f}",
            f"{one.p50:.2f}",
            f"{one.p95:.2f}",
            f"{one.p99:.2f}",
            "" if one.rate is None else f"{one.rate:.0f}",
        )
    return shown


def _streams(found: Serving) -> Table:
    from rich.table import Table

    shown = Table(title="Streams (subscriptions/listen) open at a time, through nginx")
    for heading in (
        "alive", "asked for", "KiB each, server", "nginx", "SIGTERM to end, s", "ended whole",
    ):  # fmt: skip
        shown.add_column(heading, justify="right")
    shown.add_row(
        str(found.alive),
        str(found.streams),
        f"{found.server_kib:.0f}",
        f"{found.nginx_kib:.0f}",
        f"{found.drain_seconds:.1f}",
        str(found.whole),
    )
    return shown


class _Client:
    """The process of the load generator: runs a step on demand and returns its result."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.load", json.dumps(job)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def step(self) -> dict[str, Any]:
        self.go_on()
        return self.said()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise RuntimeError(f"the client ended with status {self.process.wait()}")


def _asks(up: Served) -> list[Ask]:
    """Each kind of request, sent to nginx, to the server, and to the server through nginx."""
    call = call_of_echo(up.token)
    routed = call.replace("POST /mcp ", f"POST {ROUTE_PATH} ", 1)
    health = get("/health")
    return [
        # A path that the gateway answers itself: the same TLS and log, and nothing behind it.
        Ask(name=NGINX, port=up.gateway, request=get("/"), expected="404 Not Found"),
        Ask(name=HEALTH + DIRECT, port=up.direct, request=health, expected='"status"'),
        Ask(name=HEALTH + GATEWAY, port=up.gateway, request=health, expected='"status"'),
        Ask(name=CALL + DIRECT, port=up.direct, request=call, expected='"text":"bench"'),
        Ask(name=CALL + GATEWAY, port=up.gateway, request=call, expected='"text":"bench"'),
        Ask(name=CALL + ROUTE, port=up.gateway, request=routed, expected='"text":"bench"'),
    ]


def _listen(up: Served) -> Ask:
    return Ask(
        name="stream",
        port=up.gateway,
        request=modern_post(
            "subscriptions/listen", up.token, notifications={"toolsListChanged": True}
        ),
        expected="acknowledged",
    )
