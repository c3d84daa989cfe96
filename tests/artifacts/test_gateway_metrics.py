"""The exporter beside the gateway's nginx counts what clients sent; nginx never waits."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Generator
from typing import Any

import httpx2
import pytest

from components.kubernetes.gateway import GatewayMetrics, RateLimits
from components.kubernetes.gateway_metrics import METRICS_LINES
from components.kubernetes.rate_limits import RateLimit
from components.kubernetes.routes import Route
from components.kubernetes.upstream import Upstream
from components.mcp.metrics import exported_by
from tests.harness.containers import RunningContainer
from tests.harness.exported_metrics import listed, scraped, value
from tests.harness.network import port
from tests.harness.nginx_gateway import BEHIND, NAME, RunningGateway
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.upstream import DROP, WAIT

pytestmark = pytest.mark.slow

METRICS = GatewayMetrics(image="ghcr.io/qudag/qudag-mcp-server:0.1.0")
FEW = RateLimit(requests_per_second=1, burst=4, connections=2, streams=2)
Opened = Callable[..., contextlib.AbstractContextManager[RunningGateway]]


def text() -> str:
    """What the exporter answers to Prometheus."""
    return httpx2.get(f"http://127.0.0.1:{port(9090)}/metrics").text


def metric(name: str, **labels: str) -> float:
    return value(text(), name, **labels)


def is_up() -> bool:
    try:
        return metric("mcp_gateway_up") == 1
    except httpx2.TransportError:
        return False


@contextlib.contextmanager
def exporting(gateway: RunningGateway) -> Generator[RunningContainer]:
    """Run the exporter as the pod does."""
    with run_container(gateway.running.pod, "gateway-metrics") as exporter:
        until(is_up, 30)
        yield exporter


def requests(**labels: str) -> float:
    return metric("mcp_gateway_requests_total", **labels)


def test_every_request_is_counted_by_route_method_and_status(opened: Opened):
    with opened(metrics=METRICS) as gateway, exporting(gateway):
        for _ in range(7):
            assert gateway.ask("/mcp", "POST").status_code == 200
        for _ in range(3):
            assert gateway.ask("/health").status_code == 200
        for path in ("/no-such", "/mcp/x", "/%ff"):
            assert gateway.ask(path).status_code == 404
        assert gateway.ask("/mcp", "BREW").status_code == 501
        assert gateway.ask("/mcp", "POST", headers={"X-Refuse": "1"}).status_code == 401
        assert gateway.ask_plain("/anything").status_code == 308
        assert gateway.ask_plain("/ready").status_code == 200
        until(lambda: requests() == 16)
        assert requests(route="/mcp", kind="request", method="POST", status="200") == 7
        assert requests(route="/mcp", method="POST", status="401") == 1
        assert requests(route="/health", method="GET", status="200") == 3
        assert requests(route="other", method="GET", status="404") == 3
        assert requests(route="/mcp", method="other", status="501") == 1
        assert requests(route="redirect", status="308") == 1
        assert metric("mcp_gateway_lost_lines_total") == 0


def test_every_request_after_the_startup_probe_is_counted(opened: Opened):
    """nginx starts after it in a pod. A line that nobody takes is lost, and so is the next one."""
    with opened(metrics=METRICS) as gateway:
        pod = gateway.running.pod
        probe = pod.container("gateway-metrics")["startupProbe"]
        assert "readinessProbe" not in pod.container("gateway-metrics")
        with run_container(pod, "gateway-metrics"):
            until(lambda: accepts(probe["tcpSocket"]["port"]), 30)
            for _ in range(5):
                gateway.ask("/mcp", "POST")
            until(lambda: requests() == 5)


def accepts(number: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port(number))).close()
    except ConnectionRefusedError:
        return False
    return True


def test_requests_before_the_exporter_takes_lines_are_not_counted(opened: Opened):
    """Why nginx waits for the startup probe: nothing else would tell of them."""
    with opened(metrics=METRICS) as gateway:
        gateway.ask("/mcp", "POST")
        with exporting(gateway):
            gateway.ask("/mcp", "POST")  # nginx is told of the first one that nobody took it
            gateway.ask("/mcp", "POST")
            until(lambda: requests() == 1)
            assert metric("mcp_gateway_lost_lines_total") == 0


def test_a_server_of_a_user_is_a_route_at_its_path_and_at_its_host_name(opened: Opened):
    behind = Upstream(host="127.0.0.1", port=BEHIND, certificate_name=NAME)
    routes = [Route(name="weather", upstream=behind, hostname="weather.test", auth="server")]
    with opened(metrics=METRICS, routes=routes, domain="mcp.test") as gateway, exporting(gateway):
        for host, path in (("mcp.test", "/servers/weather/mcp"), ("weather.test", "/mcp")):
            answer = gateway.send(f"POST {path} HTTP/1.1\nHost: {host}\nContent-Length: 0")
            assert answer.startswith("HTTP/1.1 200")
        assert gateway.send("POST /mcp HTTP/1.1\nHost: mcp.test\nContent-Length: 0")
        until(lambda: requests() == 3)
        assert requests(route="/servers/weather/mcp") == 2
        assert requests(route="/mcp") == 1


def test_the_time_of_a_request_is_in_its_bucket(opened: Opened):
    name = "mcp_gateway_request_duration_seconds"
    with opened(metrics=METRICS) as gateway, exporting(gateway):
        gateway.ask("/mcp", "POST")
        gateway.ask("/mcp?stream", "POST", headers={WAIT: "0.6"})
        until(lambda: metric(f"{name}_count") == 2)
        assert metric(f"{name}_bucket", route="/mcp", kind="request", le="0.5") == 1
        assert metric(f"{name}_bucket", route="/mcp", kind="request", le="2.5") == 2
        assert 0.6 <= metric(f"{name}_sum") < 2.5


def test_what_nginx_refuses_is_counted_by_its_limit(opened: Opened):
    limits = RateLimits(api=FEW)
    with opened(metrics=METRICS, rate_limits=limits, max_body="1m") as gateway, exporting(gateway):
        codes = [gateway.ask("/mcp", "POST").status_code for _ in range(12)]
        assert 429 in codes
        until(lambda: requests() == 12)
        assert requests(status="429") == codes.count(429)
        assert metric("mcp_gateway_limited_total", limit="requests") == codes.count(429)
        assert metric("mcp_gateway_limited_total", limit="connections") == 0


def test_streams_above_their_limit_and_large_bodies_are_counted(opened: Opened):
    limits = RateLimits(api=RateLimit(requests_per_second=100, burst=50, streams=2))
    with opened(metrics=METRICS, rate_limits=limits, max_body="1m") as gateway, exporting(gateway):
        with contextlib.ExitStack() as held:
            for _ in range(2):
                held.enter_context(stream(gateway))
            assert gateway.ask("/mcp?stream").status_code == 429
        assert gateway.ask("/mcp", "POST", content=b" " * 1_100_000).status_code == 413
        until(lambda: metric("mcp_gateway_limited_total") == 2)
        assert metric("mcp_gateway_limited_total", limit="connections", route="/mcp") == 1
        assert metric("mcp_gateway_limited_total", limit="body", route="/mcp") == 1


def test_each_failed_try_at_a_server_is_counted(opened: Opened):
    with opened(metrics=METRICS) as gateway, exporting(gateway):
        assert gateway.ask("/mcp", "POST", headers={DROP: "1"}).status_code == 502
        assert gateway.ask("/health", headers={DROP: "1"}).status_code == 502
        until(lambda: requests() == 2)
        tries = len(gateway.behind.received)
        assert metric("mcp_gateway_upstream_errors_total", route="/mcp", status="502") == 1
        assert metric("mcp_gateway_upstream_errors_total", status="502") == tries == 3


@contextlib.contextmanager
def stream(gateway: RunningGateway) -> Generator[None]:
    """Hold a stream open; its first event has arrived."""
    with gateway.connect() as connection:
        head = f"GET /mcp?stream HTTP/1.1\r\nHost: localhost\r\n{WAIT}: 30\r\n\r\n"
        connection.sendall(head.encode())
        seen = b""
        while b"data: first" not in seen:
            seen += connection.recv(4096)
        yield


def test_open_streams_are_connections_that_are_being_answered(opened: Opened):
    def answering() -> float:
        return metric("mcp_gateway_connections", state="writing")

    with opened(metrics=METRICS) as gateway, exporting(gateway):
        assert answering() == 0
        with stream(gateway), stream(gateway):
            until(lambda: answering() == 2)
            assert requests(kind="stream") == 0
        until(lambda: answering() == 0)
        until(lambda: requests(kind="stream", route="/mcp") == 2)
        assert requests(kind="request") == 0


def quickest(gateway: RunningGateway, number: int) -> float:
    """Seconds of the quickest of so many requests, which other programs have slowed least."""
    with httpx2.Client(verify=gateway.trust, timeout=60) as client:
        seconds: list[float] = []
        for _ in range(number):
            began = time.monotonic()
            assert client.get(f"https://127.0.0.1:{port(8443)}/no-such").status_code == 404
            seconds.append(time.monotonic() - began)
        return min(seconds)


@contextlib.contextmanager
def halted(exporter: RunningContainer) -> Generator[None]:
    """The exporter takes no line and answers nothing."""
    os.kill(exporter.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(exporter.pid, signal.SIGCONT)


def test_nginx_waits_for_no_exporter(opened: Opened):
    """Each request sends a line, so each one, also the quickest, would wait."""
    number = 300
    with opened(metrics=METRICS) as gateway, exporting(gateway) as exporter:
        usual = quickest(gateway, number)
        until(lambda: requests() == number, 60)
        with halted(exporter):
            assert quickest(gateway, number) < 5 * usual
        until(lambda: requests() == 2 * number, 60)
        exporter.kill()
        assert quickest(gateway, number) < 5 * usual
    assert gateway.running.log.count("while logging to syslog") <= number


def test_lines_that_come_too_fast_are_counted_as_lost(opened: Opened):
    """The kernel drops those for which its buffer has no room."""
    sent = 20_000
    line = b"<190>Nov 29 00:00:00 gateway: /mcp request POST 200 0.001 - - 200"
    with opened(metrics=METRICS) as gateway, exporting(gateway) as exporter:
        with halted(exporter):
            flood(line, sent)
        until(is_idle)
        flood(line, 1)  # with it the kernel tells how many it has dropped
        until(lambda: requests() + metric("mcp_gateway_lost_lines_total") == sent + 1)
        assert metric("mcp_gateway_lost_lines_total") > 0
        assert requests(route="/mcp", status="200") == requests()


def is_idle() -> bool:
    """Whether the exporter has taken every line that waited for it."""
    before = requests()
    time.sleep(0.3)
    return requests() == before > 0


def flood(line: bytes, number: int) -> None:
    """Send a line to the exporter this many times."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(number):
            sender.sendto(line, ("127.0.0.1", METRICS_LINES))


def test_an_exporter_that_starts_again_counts_again(opened: Opened):
    with opened(metrics=METRICS) as gateway:
        with exporting(gateway):
            quickest(gateway, 5)
            until(lambda: requests() == 5)
        with exporting(gateway) as exporter:
            quickest(gateway, 5)
            until(lambda: requests() >= 4)
            exporter.terminate()
            assert exporter.exit_status(5) == 0


def test_its_metrics_are_those_of_the_list(opened: Opened):
    limits = RateLimits(api=FEW)
    with opened(metrics=METRICS, rate_limits=limits) as gateway, exporting(gateway):
        assert gateway.ask("/mcp", "POST", headers={DROP: "1"}).status_code == 502
        while gateway.ask("/mcp", "POST").status_code != 429:
            pass
        until(lambda: metric("mcp_gateway_limited_total") == 1)
        assert scraped(text()) == listed(exported_by("gateway"))


def test_a_line_that_is_none_is_counted_as_lost(opened: Opened):
    with opened(metrics=METRICS) as gateway, exporting(gateway):
        for line in (b"", b"\xff\xfe", b"<190>Nov 29 00:00:00 gateway: x", b"/mcp request"):
            flood(line, 1)
        until(lambda: metric("mcp_gateway_lost_lines_total") == 4)
        assert requests() == 0


def test_without_an_exporter_nginx_sends_no_lines(opened: Opened):
    conf: Any
    with opened() as gateway:
        conf = gateway.running.pod.container("gateway")
        assert gateway.ask("/mcp", "POST").status_code == 200
    assert "gateway-metrics" not in str(conf)
