"""The nginx in front of a user's image: what it passes on, how it drains, what it refuses."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Generator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.kubernetes.image_metrics import ImageMetrics
from components.kubernetes.nginx_start import STOPPING
from components.mcp.timeout_budget import TimeoutBudget
from tests.harness.certificates import Authority
from tests.harness.image_proxy import (
    HOLD,
    IMAGE,
    Image,
    Proxy,
    accepts,
    image,
    opened,
    proxy_pod,
    url,
)
from tests.harness.network import port, private_network
from tests.harness.running_pod import run_container
from tests.harness.server import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def behind() -> Generator[Image]:
    with image() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, behind: Image
) -> Generator[Proxy]:
    """For tests that leave it as it was."""
    with opened(tmp_path_factory.mktemp("proxy"), authority) as started:
        yield started


def test_nginx_accepts_the_configuration_without_a_warning(tmp_path: Path, authority: Authority):
    command = ["nginx", "-t", "-c", "/etc/nginx/nginx.conf"]
    with run_container(proxy_pod(tmp_path, authority), "tls", command) as running:
        assert running.exit_status() == 0, running.log
        assert "[warn]" not in running.log


def test_a_call_arrives_as_it_was_sent(proxy: Proxy):
    sent = {
        "host": "mcp.example.com",
        "authorization": "Bearer abc",
        "x-user": "alice",
        "x-forwarded-host": "mcp.example.com",
        "mcp-session-id": "s",
        "last-event-id": "7",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    told = proxy.ask("/mcp?a=%2F", headers=sent, content=b"x" * 100_000).json()
    assert sent.items() <= told["headers"].items()
    assert (told["method"], told["path"], told["body"]) == ("POST", "/mcp?a=%2F", 100_000)


def test_a_body_larger_than_nginx_takes_by_default_arrives(proxy: Proxy):
    assert proxy.ask(content=b"x" * 3_000_000).json()["body"] == 3_000_000


def test_a_token_of_11_kilobytes_arrives(proxy: Proxy):
    token = "Bearer " + "x" * 11_000
    assert proxy.ask(headers={"authorization": token}).json()["headers"]["authorization"] == token


def test_a_call_is_logged_without_its_token_and_its_query(proxy: Proxy):
    def logged() -> list[dict[str, Any]]:
        lines = proxy.running.log.splitlines()
        return [json.loads(line) for line in lines if "/logged" in line]

    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {
        "authorization": "Bearer word-of-honour",
        "x-request-id": "r-1",
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
    }
    proxy.ask("/logged?secret=1", headers=sent)
    until(lambda: bool(logged()))
    (line,) = logged()
    assert (line["method"], line["path"], line["status"]) == ("POST", "/logged", 200)
    assert (line["request_id"], line["trace_id"]) == ("r-1", trace)
    assert line["parent_span_id"] == "00f067aa0ba902b7"
    assert "word-of-honour" not in proxy.running.log
    assert "secret=1" not in proxy.running.log


def test_a_header_with_an_underscore_cannot_stand_for_the_gateways(proxy: Proxy):
    assert "x_user" not in proxy.ask(headers={"x_user": "mallory"}).json()["headers"]


def test_events_are_passed_on_one_by_one_and_so_is_the_clients_disconnect(
    proxy: Proxy, behind: Image
):
    behind.left.clear()
    with proxy.events() as events:
        for number in range(1, 4):
            behind.more.release()
            assert next(events) == f"data: {number}"
        assert not behind.left.is_set()
    assert behind.left.wait(10)


def test_only_tls_1_3_is_spoken(authority: Authority, proxy: Proxy):
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx2.ConnectError, match="alert protocol version"):
        httpx2.get(url("/mcp"), verify=old)


def test_a_client_that_expects_another_name_refuses_the_certificate(proxy: Proxy, behind: Image):
    before = len(behind.received)
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        proxy.ask(name="other.any.svc")
    assert len(behind.received) == before


def test_a_kept_connection_serves_several_calls(proxy: Proxy):
    with proxy.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET /mcp HTTP/1.1\r\nHost: a.test\r\n\r\n")
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.headers["Connection"]) == (200, "keep-alive")
            answer.read()


def test_a_program_that_listens_on_ipv6_alone_is_reached(tmp_path: Path, authority: Authority):
    with private_network(), image("::1"), opened(tmp_path, authority) as proxy:
        assert proxy.ask().json()["method"] == "POST"


def test_a_program_that_does_not_listen_is_answered_502_in_json(
    tmp_path: Path, authority: Authority
):
    with private_network(), opened(tmp_path, authority) as proxy:
        answer = proxy.ask()
        assert answer.status_code == 502
        assert "accepts no connection" in answer.json()["error"]["message"]


def test_a_call_whose_answer_is_lost_is_not_sent_again(proxy: Proxy, behind: Image):
    before = len(behind.received)
    assert proxy.ask("/early").status_code == 502
    assert behind.received[before:] == ["/early"]


def test_a_call_longer_than_the_longest_tool_is_answered_504(tmp_path: Path, authority: Authority):
    budget = TimeoutBudget(longest_tool=1)
    with private_network(), image(), opened(tmp_path, authority, budget=budget) as proxy:
        answer = proxy.ask(headers={HOLD: "1"})
        assert answer.status_code == 504
        assert "nothing for 1 seconds" in answer.json()["error"]["message"]


def test_a_stop_finishes_calls_streams_and_connections_before_nginx_ends(
    tmp_path: Path, authority: Authority
):
    with private_network(), image() as behind, opened(tmp_path, authority) as proxy:
        answers: list[int] = []
        events: list[str] = []

        def call() -> None:
            answers.append(proxy.ask(headers={HOLD: "1"}).status_code)

        def listen() -> None:
            with proxy.events() as given:
                events.extend(given)

        kept = proxy.connect()
        threads = [threading.Thread(target=call), threading.Thread(target=listen)]
        for thread in threads:
            thread.start()
        until(lambda: len(behind.received) == 2)
        proxy.running.terminate()
        until(proxy.stopping)
        # A call on a connection that a client has kept is served, and the connection is closed.
        kept.sendall(b"POST /mcp HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\n{}")
        answer = b"".join(iter(lambda: kept.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 200 ")
        assert "Connection: close" in answer
        assert '"body": 2' in answer
        until(refuses)
        behind.more.release()
        behind.go.set()
        until(lambda: bool(answers))
        behind.end.set()
        for thread in threads:
            thread.join()
        assert answers == [200]
        assert events == ["data: 1"]
        assert proxy.running.exit_status() == 0


def refuses() -> bool:
    try:
        socket.create_connection(("127.0.0.1", port(8443))).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_container_that_starts_again_keeps_connections_open(tmp_path: Path, authority: Authority):
    """Its /tmp is that of the pod."""
    pod = proxy_pod(tmp_path, authority)
    start = pod.config_maps["weather-tls"]["start.sh"]
    pod.config_maps["weather-tls"]["start.sh"] = f"touch {STOPPING}\n{start}"
    with private_network(), image(), run_container(pod, "tls") as running:
        proxy = Proxy(running, authority)
        until(lambda: accepts(proxy))
        assert not proxy.stopping()


def page(path: str, method: str = "GET", **options: Any) -> httpx2.Response:
    """Ask at the port for Prometheus."""
    return httpx2.request(method, f"http://127.0.0.1:{port(8445)}{path}", **options)


def test_prometheus_gets_one_page_of_the_image_and_no_other(tmp_path: Path, authority: Authority):
    metrics = ImageMetrics(port=IMAGE, path="/stats")
    with (
        private_network(),
        image() as behind,
        opened(tmp_path, authority, metrics=metrics) as proxy,
    ):
        sent = {"accept": "text/plain", "authorization": "Bearer abc", "x-user": "mallory"}
        answer = page("/metrics?module=other", headers=sent)
        assert answer.status_code == 200
        told = answer.json()
        assert (told["method"], told["path"]) == ("GET", "/stats")
        assert told["headers"] == {
            "accept": "text/plain",
            "host": f"localhost:{IMAGE}",
            "connection": "close",
        }
        received = list(behind.received)
        for path in ("/", "/stats", "/mcp", "/metrics/../mcp", "/metrics/x", "//metrics/../mcp"):
            assert page(path).status_code == 404, path
        for method in ("POST", "DELETE", "PUT"):
            assert page("/metrics", method).status_code == 403
        assert page("/mcp", "POST", content=b"{}").status_code == 404
        assert behind.received == received
        # At the port for MCP the page is one of the image like any other.
        assert proxy.ask("/metrics").json()["path"] == "/metrics"


def test_nobody_listens_for_prometheus_without_metrics(tmp_path: Path, authority: Authority):
    with private_network(), opened(tmp_path, authority), pytest.raises(httpx2.ConnectError):
        page("/metrics")


def test_an_image_that_does_not_listen_has_no_page(tmp_path: Path, authority: Authority):
    metrics = ImageMetrics(port=9100)
    with private_network(), opened(tmp_path, authority, metrics=metrics):
        assert page("/metrics").status_code == 502
