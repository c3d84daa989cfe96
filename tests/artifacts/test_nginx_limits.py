"""The gateway's nginx limits clients, and retries requests where that is safe."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from components.kubernetes.gateway import RateLimits
from tests.harness.network import port
from tests.harness.nginx_gateway import ALWAYS
from tests.harness.server import until
from tests.harness.upstream import DROP, HOLD

pytestmark = pytest.mark.slow

LARGE = b" " * 1_000_000


ZONES = RateLimits()
SLOW = RateLimits(
    **{
        zone: replace(getattr(ZONES, zone), requests_per_second=1)
        for zone in ("api", "websocket", "upload")
    }
)
"""The same bursts, which a busy machine does not earn back while it uses them up."""


@pytest.mark.parametrize(
    ("path", "body", "number"),
    [("/mcp", b"", 21), ("/health", b"", 21), ("/ws", b"", 11), ("/mcp", LARGE, 6)],
    ids=["api", "health", "websocket", "upload"],
)
def test_each_zone_answers_429_at_its_number(opened: Any, path: str, body: bytes, number: int):
    """The burst and one: what a client may ask at once of a zone that was not used before."""
    with opened(rate_limits=SLOW) as gateway, httpx2.Client(verify=gateway.trust) as client:
        url = f"https://127.0.0.1:{port(8443)}{path}"
        began = time.monotonic()
        answers = [client.post(url, content=body) for _ in range(number + 20)]
        earned = int(time.monotonic() - began) + 1
    codes = [answer.status_code for answer in answers]
    assert codes[:number] == [200] * number
    assert number <= codes.count(200) <= number + earned
    assert set(codes) == {200, 429}
    assert ALWAYS.items() <= dict(answers[-1].headers).items()


def test_small_chunked_bodies_count_as_requests_only(opened: Any):
    with opened(rate_limits=SLOW) as gateway, httpx2.Client(verify=gateway.trust) as client:
        url = f"https://127.0.0.1:{port(8443)}/mcp"
        codes = [client.post(url, content=iter([b"x"])).status_code for _ in range(40)]
        assert codes[:21] == [200] * 21
        assert 429 in codes


def test_a_chunked_body_cannot_be_an_upload(opened: Any):
    with opened(rate_limits=SLOW) as gateway:
        largest = b" " * 999_999
        assert gateway.ask(method="POST", content=iter([largest])).status_code == 200
        answer = gateway.ask(method="POST", content=iter([largest, b"x"]))
        assert answer.status_code == 413
        assert "needs a Content-Length" in answer.json()["error"]["message"]
        assert ALWAYS.items() <= dict(answer.headers).items()
        assert gateway.ask(method="POST", content=largest + b"x").status_code == 200


def test_without_rate_limits_max_body_limits_chunked_bodies(opened: Any):
    with opened(max_body="2m") as gateway:
        for size, status in ((2 * 1024 * 1024, 200), (2 * 1024 * 1024 + 1, 413)):
            answer = gateway.ask(method="POST", content=iter([b" " * size]))
            assert answer.status_code == status
        assert answer.json()["error"]["message"] == "The request body is larger than 2097152 bytes."


STREAMS: list[tuple[str, dict[str, str]]] = [
    ("GET", {}),
    ("POST", {"mcp-method": "subscriptions/listen"}),
]


@pytest.mark.parametrize(("method", "headers"), STREAMS, ids=["legacy", "modern"])
def test_standing_streams_and_calls_are_counted_apart(
    opened: Any, method: str, headers: dict[str, str]
):
    with opened(rate_limits=RateLimits()) as gateway:
        held = {HOLD: "1"}
        opens = [
            threading.Thread(target=gateway.ask, args=("/mcp", m), kwargs={"headers": held | h})
            for m, h in [(method, headers)] * 10 + [("POST", {"mcp-method": "tools/call"})] * 10
        ]
        for thread in opens:
            thread.start()
        until(lambda: len(gateway.behind.received) == 20)
        assert gateway.ask("/mcp", method, headers=headers).status_code == 429
        assert gateway.ask("/mcp", "POST").status_code == 429
        gateway.behind.go.set()
        for thread in opens:
            thread.join()


def test_a_delete_of_a_session_is_not_rate_limited(opened: Any):
    """Calls, streams and other DELETEs do not count."""
    with opened(rate_limits=RateLimits()) as gateway, httpx2.Client(verify=gateway.trust) as client:
        url = f"https://127.0.0.1:{port(8443)}/mcp"
        while client.post(url).status_code == 200:
            pass
        ends = [client.delete(url, headers={"mcp-session-id": str(i)}) for i in range(30)]
        assert {answer.status_code for answer in ends} == {200}


def test_a_429_has_a_json_body_and_retry_after(opened: Any):
    with opened(rate_limits=SLOW) as gateway, httpx2.Client(verify=gateway.trust) as client:
        url = f"https://127.0.0.1:{port(8443)}/mcp"
        answer = client.post(url)
        while answer.status_code == 200:
            assert "retry-after" not in answer.headers
            answer = client.post(url)
        assert answer.status_code == 429
        assert (answer.headers["content-type"], answer.headers["retry-after"]) == (
            "application/json",
            "1",
        )
        assert answer.json()["jsonrpc"] == "2.0"
        assert "Too many requests" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("path", "most"), [("/mcp", 10), ("/ws", 5)])
def test_the_connection_limit_answers_429_at_its_number(opened: Any, path: str, most: int):
    with opened(rate_limits=RateLimits()) as gateway:
        method = "POST" if path == "/mcp" else "GET"
        slow = [
            threading.Thread(
                target=gateway.ask, args=(path, method), kwargs={"headers": {HOLD: "1"}}
            )
            for _ in range(most)
        ]
        for thread in slow:
            thread.start()
        until(lambda: len(gateway.behind.received) == most)
        assert gateway.ask(path, method).status_code == 429
        gateway.behind.go.set()
        for thread in slow:
            thread.join()
        assert gateway.ask(path, method).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_is_retried_if_no_upstream_received_it(opened: Any, method: str):
    with opened() as gateway:
        gateway.behind.unreachable = 1
        assert gateway.ask(method=method).status_code == 200
        assert gateway.behind.received == ["/mcp"]


def test_nginx_does_not_retry_a_sent_post_and_retries_a_sent_get(opened: Any):
    with opened() as gateway:
        assert gateway.ask(method="POST", headers={DROP: "1"}).status_code == 502
        assert gateway.behind.received == ["/mcp"]
        assert gateway.ask(headers={DROP: "1"}).status_code == 502
        assert gateway.behind.received == ["/mcp"] * 3


def test_a_server_that_fails_is_asked_again_at_the_next_request(opened: Any):
    with opened() as gateway:
        gateway.behind.unreachable = 2
        assert [gateway.ask().status_code for _ in range(2)] == [502, 200]


PAGE = "https://app.example.com"
LOCAL = "http://[::1]:6274"
CORS = "access-control-allow-origin"


@pytest.mark.parametrize("origin", [PAGE, LOCAL])
def test_an_allowed_page_can_read_what_the_gateway_answers_itself(opened: Any, origin: str):
    with (
        opened(rate_limits=SLOW, max_body="1m", allowed_origins=[PAGE, LOCAL]) as gateway,
        httpx2.Client(verify=gateway.trust, headers={"origin": origin}) as client,
    ):
        url = f"https://127.0.0.1:{port(8443)}/mcp"
        answered = client.post(url)
        large = client.post(url, content=b" " * 1_100_000)
        lost = client.post(url, headers={DROP: "1"})
        refused = [client.post(url) for _ in range(40)][-1]
    # What the server answers has the server's own header, or none.
    assert (answered.status_code, CORS in answered.headers) == (200, False)
    codes = {413: large, 502: lost, 429: refused}
    for status, answer in codes.items():
        assert (answer.status_code, answer.headers.get(CORS)) == (status, origin)
    assert "retry-after" in refused.headers["access-control-expose-headers"].lower()


@pytest.mark.parametrize(
    "origin",
    ["https://appXexample.com", "https://app.example.com.evil.test", "https://a.test", "null"],
)
def test_another_page_cannot_read_them(opened: Any, origin: str):
    with (
        opened(rate_limits=SLOW, allowed_origins=[PAGE, LOCAL]) as gateway,
        httpx2.Client(verify=gateway.trust, headers={"origin": origin}) as client,
    ):
        url = f"https://127.0.0.1:{port(8443)}/mcp"
        refused = [client.post(url) for _ in range(40)][-1]
    assert (refused.status_code, CORS in refused.headers) == (429, False)
