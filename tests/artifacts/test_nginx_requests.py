"""How the gateway's nginx forwards and logs requests."""

from __future__ import annotations

import json
import os
import re
import resource
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.harness.certificates import Authority
from tests.harness.network import port
from tests.harness.nginx_gateway import BEHIND, NAME, RunningGateway, gateway_pod, is_open
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.upstream import REFUSE, upstream


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Generator[RunningGateway]:
    """For tests that leave it as it was."""
    pod = gateway_pod(tmp_path_factory.mktemp("gateway"), authority, max_body="50m")
    shown = authority.issue("core", [NAME])
    with upstream(port(BEHIND), *shown) as behind, run_container(pod, "gateway") as running:
        gateway = RunningGateway(running, behind, authority.trust())
        until(lambda: is_open(gateway))
        yield gateway


@pytest.mark.parametrize(
    "name",
    [
        "forwarded",
        "proxy",
        "proxy-authorization",
        "x-original-url",
        "x-rewrite-url",
        "x-original-uri",
        "x-original-host",
        "x-host",
        "x-forwarded",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-forwarded-ssl",
        "x-forwarded-scheme",
        "x-forwarded-user",
        "x-forwarded-client-cert",
        "x-original-forwarded-for",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-remote-user",
        "remote-user",
        "x-http-method-override",
        "x_forwarded_for",
    ],
)
def test_headers_that_override_path_or_client_address_are_removed(
    gateway: RunningGateway, name: str
):
    arrived = gateway.ask(headers={name: "127.0.0.1"}).json()["headers"]
    assert name not in arrived
    assert name.replace("_", "-") not in arrived or arrived["x-forwarded-for"] == "127.0.0.1"


def test_mcp_headers_are_forwarded(gateway: RunningGateway):
    sent = {
        "authorization": "Bearer x",
        "origin": "https://a.test",
        "mcp-session-id": "s",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "echo",
        "mcp-param-region": "eu",
        "last-event-id": "7",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    assert sent.items() <= gateway.ask(headers=sent).json()["headers"].items()


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.2", "websocket, h2c", "websocketx", "x"])
def test_a_connection_is_upgraded_to_a_websocket_only(gateway: RunningGateway, protocol: str):
    answer = gateway.send(f"GET /ws HTTP/1.1\nHost: a.test\nUpgrade: {protocol}")
    assert answer.startswith("HTTP/1.1 200 "), answer
    arrived = json.loads(answer.partition("\r\n\r\n")[2])["headers"]
    assert not {"connection", "upgrade", "http2-settings"} & arrived.keys()


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("https://evil.test/mcp", "asked.test", 400),
        ("http://evil.test/mcp", "asked.test", 400),
        ("https://asked.test.evil.test/mcp", "asked.test", 400),
        ("https://asked.tes/mcp", "asked.test", 400),
        ("https://asked.test/mcp", "asked.test", 200),
        ("https://ASKED.test/mcp", "asked.test:8443", 200),
        ("/mcp", "Asked.Test:8443", 200),
        ("/mcp", "asked.test.", 200),
        ("/mcp", "[::1]:8443", 200),
    ],
)
def test_a_request_line_with_another_host_than_the_host_header_is_refused(
    gateway: RunningGateway, target: str, host: str, status: int
):
    before = len(gateway.behind.received)
    answer = gateway.send(f"GET {target} HTTP/1.1\nHost: {host}")
    assert answer.startswith(f"HTTP/1.1 {status} "), answer
    assert len(gateway.behind.received) == before + (status == 200)
    assert "evil.test" not in answer


def test_clients_connect_over_ipv6(gateway: RunningGateway):
    assert httpx2.get(f"http://[::1]:{port(8080)}/health").status_code == 200
    asked = "GET /health HTTP/1.1\nHost: a.test"
    assert gateway.send(asked, "::1").startswith("HTTP/1.1 200 ")


def test_nginx_starts_on_a_machine_without_ipv6(tmp_path: Path, authority: Authority):
    pod = gateway_pod(tmp_path, authority)
    files = pod.config_maps["gateway-nginx"]
    files["start.sh"] = files["start.sh"].replace("/proc/net/if_inet6", "/proc/net/absent")
    files["nginx.conf"] = files["nginx.conf"].replace("listen [::]", "listen [fe80::]")
    with run_container(pod, "gateway") as running:
        gateway = RunningGateway(running, None, authority.trust())  # pyright: ignore[reportArgumentType]
        until(lambda: is_open(gateway))


def test_the_open_file_limit_of_a_worker_fits_its_connections(opened: Any):
    """Container runtimes start a process with 1,024 files, and let it raise that."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        with opened() as gateway:
            conf = gateway.running.pod.config_maps["gateway-nginx"]["nginx.conf"]
            (connections,) = re.findall(r"worker_connections (\d+);", conf)
            (worker, *_) = gateway.workers()
            limits = Path(f"/proc/{worker}/limits").read_text()
            (files,) = re.findall(r"Max open files +(\d+)", limits)
            assert int(files) > int(connections)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_every_request_is_logged_with_its_clients_address(gateway: RunningGateway):
    before = len(gateway.logged())
    gateway.ask("/mcp", method="POST", headers={REFUSE: "1"})
    gateway.ask("/health")
    gateway.ask("/absent")
    gateway.send("GET / HTTP/1.1\nHost: a b")
    gateway.ask_plain("/mcp")
    gateway.send("GET /mcp HTTP/1.1\nHost: a.test", "::1")
    until(lambda: len(gateway.logged()) >= before + 6)
    seen = [(line["client"], line["path"], line["status"]) for line in gateway.logged()[before:]]
    assert sorted(seen) == sorted(
        [
            ("127.0.0.1", "/mcp", 401),
            ("127.0.0.1", "/health", 200),
            ("127.0.0.1", "/absent", 404),
            ("127.0.0.1", "/", 400),
            ("127.0.0.1", "/mcp", 308),
            ("::1", "/mcp", 200),
        ]
    )


def test_a_request_cannot_add_a_line_or_a_field_to_the_log(gateway: RunningGateway):
    before = len(gateway.logged())
    forged = '","status":200,"client":"9.9.9.9"}\\n{"client":"9.9.9.9"}'
    quoted = forged.replace('"', "%22").replace("\\n", "%0a")
    gateway.send(f"GET /{quoted} HTTP/1.1\nHost: a.test\ntraceparent: {forged}")
    until(lambda: len(gateway.logged()) > before)
    (line,) = gateway.logged()[before:]
    assert (line["client"], line["status"]) == ("127.0.0.1", 404)
    assert line["trace_id"] == line["request_id"]
    assert "\n" in line["path"]


MEGABYTE = 1024 * 1024


def open_files(gateway: RunningGateway) -> list[str]:
    """What the workers have open, deleted files included."""
    links = [link for pid in gateway.workers() for link in Path(f"/proc/{pid}/fd").iterdir()]
    return [os.readlink(link) for link in links if link.exists() or link.is_symlink()]


def memory_kib(gateway: RunningGateway) -> int:
    """The memory that the workers use of their own."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in gateway.workers()]
    return sum(int(re.findall(r"RssAnon:\s+(\d+)", text)[0]) for text in texts)


@pytest.mark.skipif(os.geteuid() != 0, reason="reads the files of another user's processes")
@pytest.mark.parametrize("length", ["Content-Length: 51380224", "Transfer-Encoding: chunked"])
def test_ten_large_bodies_leave_no_file_and_little_memory(gateway: RunningGateway, length: str):
    """The upstream reads as fast as it can, and has not answered yet."""
    chunked = length.endswith("chunked")
    part = b" " * MEGABYTE
    piece = b"%x\r\n%s\r\n" % (MEGABYTE, part) if chunked else part
    before = memory_kib(gateway)
    clients = [gateway.connect() for _ in range(10)]
    for client in clients:
        client.sendall(f"POST /mcp HTTP/1.1\r\nHost: a.test\r\n{length}\r\n\r\n".encode())
        for _ in range(8):
            client.sendall(piece)
    assert not [name for name in open_files(gateway) if "client-body" in name or "proxy" in name]
    assert memory_kib(gateway) - before < 10 * 1024
    for client in clients:
        client.close()


def test_a_request_is_refused_before_its_body_has_arrived(gateway: RunningGateway):
    with gateway.connect() as client:
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40000000\r\n{REFUSE}: 1\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")


def test_bodies_with_content_length_and_chunked_bodies_arrive_whole(opened: Any):
    body = b" " * (3 * MEGABYTE)
    with opened() as gateway:
        assert gateway.ask(method="POST", content=body).status_code == 200
        assert gateway.ask(method="POST", content=iter([body, b"x"])).status_code == 200
        assert gateway.behind.body_bytes == [len(body), len(body) + 1]


def test_a_request_with_bytes_that_are_no_utf8_is_in_the_log(gateway: RunningGateway):
    before = len(gateway.logged())
    gateway.send("GET /%ff HTTP/1.1\nHost: a.test")
    with gateway.connect() as client:
        client.sendall(b"GET /b HTTP/1.1\r\nHost: a.test\r\ntraceparent: \xff\r\n\r\n")
        client.recv(100)
    until(lambda: len(gateway.logged()) == before + 2)
    seen = gateway.logged()[before:]
    assert [entry["path"] for entry in seen] == ["not ASCII", "/b"]
    assert all(entry["trace_id"] == entry["request_id"] for entry in seen)


TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def ids(gateway: RunningGateway, **headers: str) -> tuple[dict[str, str], dict[str, str]]:
    """The headers that arrive for a request, and its line in the log."""
    before = len(gateway.logged())
    arrived = gateway.ask(headers=headers).json()["headers"]
    until(lambda: len(gateway.logged()) > before)
    return arrived, gateway.logged()[-1]


def test_a_clients_trace_is_passed_on_and_logged(gateway: RunningGateway):
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-00", "tracestate": "a=1,b=2"}
    arrived, line = ids(gateway, **sent)
    assert sent.items() <= arrived.items()
    assert (line["trace_id"], line["parent_span_id"]) == (TRACE, CALLER)
    assert line["span_id"] == line["request_id"][:16] == arrived["x-request-id"][:16]


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{'0' * 32}-{CALLER}-01",
        f"ff-{TRACE}-{CALLER}-01",
        f"00-{TRACE.upper()}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-01-more",
        f"00-{TRACE}-{CALLER}-01, 00-{TRACE}-{CALLER}-01",
    ],
)
def test_an_invalid_trace_is_dropped(gateway: RunningGateway, traceparent: str):
    arrived, line = ids(gateway, traceparent=traceparent, tracestate="a=1")
    assert not {"traceparent", "tracestate"} & arrived.keys()
    assert (line["trace_id"], line["parent_span_id"]) == (line["request_id"], "")
