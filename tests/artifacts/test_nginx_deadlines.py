"""The gateway's nginx closes idle and slow connections, and serves others meanwhile."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.nginx_gateway import BEHIND, NAME, RunningGateway, gateway_pod, is_open
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.upstream import REFUSE, upstream

pytestmark = pytest.mark.slow

HEADER, BODY, BETWEEN = 10, 15, 65
"""Seconds that docs/components/gateway.md states."""
SLACK = 8


def plain(number: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port(number)), timeout=BETWEEN + SLACK)


def sent(connection: socket.socket, text: str) -> socket.socket:
    connection.sendall(text.replace("\n", "\r\n").encode())
    return connection


def open_tls(gateway: RunningGateway) -> ssl.SSLSocket:
    connection = gateway.connect()
    connection.settimeout(BETWEEN + SLACK)
    return connection


def partial_handshake(_: RunningGateway) -> socket.socket:
    connection = plain(8443)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01")
    return connection


def idle_after_a_request(gateway: RunningGateway) -> socket.socket:
    connection = sent(open_tls(gateway), "GET /absent HTTP/1.1\nHost: a.test\n\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
    return connection


BODY_HEAD = "POST /mcp HTTP/1.1\nHost: a.test\nContent-Length: 1000\n"
CONNECTIONS: dict[str, tuple[Callable[[RunningGateway], socket.socket], int]] = {
    "nothing is sent to the TLS port": (lambda _: plain(8443), HEADER),
    "nothing is sent to the plain port": (lambda _: plain(8080), HEADER),
    "a part of a TLS handshake": (partial_handshake, HEADER),
    "TLS without a request": (open_tls, HEADER),
    "a part of a header": (lambda g: sent(open_tls(g), "GET /mcp HTTP/1.1\nHo"), HEADER),
    "a part of a header to the plain port": (
        lambda _: sent(plain(8080), "GET /mcp HTTP/1.1\nHo"),
        HEADER,
    ),
    "a part of a body": (lambda g: sent(open_tls(g), f"{BODY_HEAD}\nhalf"), BODY),
    "a part of a body to the plain port": (
        lambda _: sent(plain(8080), f"{BODY_HEAD}\nhalf"),
        BODY,
    ),
    "a part of a body that is refused": (
        lambda g: sent(open_tls(g), f"{BODY_HEAD}{REFUSE}: 1\n\nhalf"),
        BODY,
    ),
    "a part of a chunked body": (
        lambda g: sent(
            open_tls(g), "POST /mcp HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n9\nhalf"
        ),
        BODY,
    ),
    "no second request": (idle_after_a_request, BETWEEN),
}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Generator[RunningGateway]:
    pod = gateway_pod(tmp_path_factory.mktemp("gateway"), authority)
    shown = authority.issue("core", [NAME])
    with upstream(port(BEHIND), *shown) as behind, run_container(pod, "gateway") as running:
        gateway = RunningGateway(running, behind, authority.trust())
        until(lambda: is_open(gateway))
        yield gateway


@pytest.fixture(scope="module")
def open_for(gateway: RunningGateway) -> dict[str, float]:
    """Seconds that each connection was open; all wait at the same time."""
    found: dict[str, float] = {}

    def wait(name: str, connection: socket.socket) -> None:
        began = time.monotonic()
        try:
            while connection.recv(65536):
                pass
        except ConnectionError:
            pass
        except TimeoutError:
            return
        found[name] = time.monotonic() - began

    waiting = [
        threading.Thread(target=wait, args=(name, opens(gateway)))
        for name, (opens, _) in CONNECTIONS.items()
    ]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    return found


@pytest.mark.parametrize("name", CONNECTIONS)
def test_an_idle_or_incomplete_connection_is_closed_at_its_deadline(
    open_for: dict[str, float], name: str
):
    assert open_for[name] < CONNECTIONS[name][1] + SLACK


def test_a_slow_header_is_closed_at_its_deadline(gateway: RunningGateway):
    began = time.monotonic()

    def trickle(connection: socket.socket) -> None:
        while time.monotonic() - began < HEADER + SLACK:
            sent(connection, "A: b\n")
            time.sleep(0.5)

    with open_tls(gateway) as connection:
        sent(connection, "GET /mcp HTTP/1.1\n")
        with pytest.raises(OSError):  # noqa: PT011
            trickle(connection)
    assert HEADER - 1 < time.monotonic() - began < HEADER + SLACK


def test_connections_without_a_request_make_room_for_one_with_a_request(
    tmp_path: Path, authority: Authority
):
    """Four times as many as nginx may have. It closes the oldest ones for it."""
    pod = gateway_pod(tmp_path, authority)
    files = pod.config_maps["gateway-nginx"]
    files["nginx.conf"], changed = re.subn(
        r"worker_connections \d+;", "worker_connections 128;", files["nginx.conf"]
    )
    assert changed == 1
    shown = authority.issue("core", [NAME])
    with (
        private_network(),
        upstream(port(BEHIND), *shown) as behind,
        run_container(pod, "gateway") as running,
    ):
        gateway = RunningGateway(running, behind, authority.trust())
        until(lambda: is_open(gateway))
        idle: list[socket.socket] = []
        for _ in range(350):
            idle += [plain(8080), plain(8443), open_tls(gateway)]
        assert gateway.ask().status_code == 200
        for connection in idle:
            connection.close()
