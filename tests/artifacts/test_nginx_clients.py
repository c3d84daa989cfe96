"""The client's address in the gateway's log, rate limits and forwarded headers."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from components.kubernetes.rate_limits import RateLimits
from tests.harness import nginx_gateway
from tests.harness.certificates import Authority
from tests.harness.network import port
from tests.harness.nginx_gateway import RunningGateway
from tests.harness.server import until

PROXY, STRANGER = "127.0.0.2", "127.0.0.9"
TRUSTED: dict[str, Any] = {"trusted_proxies": ["127.0.0.2/32", "10.0.0.0/8"]}
PROTOCOL: dict[str, Any] = {**TRUSTED, "proxy_protocol": True}
ASKED = "GET /mcp HTTP/1.1\nHost: a.test\n"
ZONES = RateLimits()
SLOW = replace(ZONES, api=replace(ZONES.api, requests_per_second=1))


@pytest.fixture(scope="module")
def behind_proxies(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Generator[RunningGateway]:
    """A gateway that trusts a proxy's header, for tests that leave it as it was."""
    with nginx_gateway.opened(tmp_path_factory.mktemp("header"), authority, **TRUSTED) as gateway:
        yield gateway


def line(client: str) -> bytes:
    """The PROXY protocol, version 1."""
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {client} 1000 443\r\n".encode()


def block(client: str) -> bytes:
    """The PROXY protocol, version 2."""
    address = socket.inet_aton(client)
    fixed = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11])
    return fixed + struct.pack("!H4s4sHH", 12, address, address, 1000, 443)


def seen(gateway: RunningGateway, head: str, **how: Any) -> tuple[str, str]:
    """The client in the log and to the server."""
    before = len(gateway.logged())
    answer = gateway.send(head, **how)
    until(lambda: len(gateway.logged()) > before)
    arrived = json.loads(answer.partition("\r\n\r\n")[2])["headers"]
    assert arrived["x-real-ip"] == arrived["x-forwarded-for"]
    return gateway.logged()[-1]["client"], arrived["x-forwarded-for"]


@pytest.mark.parametrize(
    ("source", "forwarded", "client"),
    [
        (PROXY, "203.0.113.7", "203.0.113.7"),
        (PROXY, "203.0.113.7, 10.1.2.3", "203.0.113.7"),
        (PROXY, "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        (PROXY, "1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (STRANGER, "203.0.113.7", STRANGER),
        (STRANGER, "203.0.113.7, 127.0.0.2", STRANGER),
    ],
)
def test_the_client_is_the_last_forwarded_address_outside_trusted_proxies(
    behind_proxies: RunningGateway, source: str, forwarded: str, client: str
):
    head = f"{ASKED}X-Forwarded-For: {forwarded}"
    assert seen(behind_proxies, head, source=source) == (client, client)
    assert behind_proxies.logged()[-1]["proxy"] == source


def test_without_trusted_proxies_forwarded_addresses_are_ignored(opened: Any):
    with opened() as gateway:
        head = f"{ASKED}X-Forwarded-For: 203.0.113.7\nX-Real-IP: 203.0.113.7"
        assert seen(gateway, head, source=PROXY) == (PROXY, PROXY)


@pytest.mark.parametrize(
    ("source", "before", "client"),
    [
        (PROXY, line("203.0.113.7"), "203.0.113.7"),
        (PROXY, line("2001:db8::7"), "2001:db8::7"),
        (PROXY, block("203.0.113.7"), "203.0.113.7"),
        (STRANGER, line("203.0.113.7"), STRANGER),
    ],
)
def test_the_proxy_protocol_of_a_trusted_proxy_sets_the_clients_address(
    opened: Any, source: str, before: bytes, client: str
):
    with opened(**PROTOCOL) as gateway:
        head = f"{ASKED}X-Forwarded-For: 1.1.1.1"
        assert seen(gateway, head, source=source, before=before) == (client, client)


def test_proxy_protocol_true_closes_connections_without_it(opened: Any):
    with opened(**PROTOCOL) as gateway:
        with pytest.raises(OSError):  # noqa: PT011
            gateway.send(ASKED, source=PROXY)
        plain = socket.create_connection(("127.0.0.1", port(8080)), timeout=5)
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert plain.recv(100) == b""
        assert gateway.behind.received == []


@pytest.mark.parametrize("given", [TRUSTED, PROTOCOL], ids=["header", "protocol"])
def test_each_client_behind_a_proxy_has_limits_of_its_own(opened: Any, given: dict[str, Any]):
    def status(gateway: RunningGateway, client: str) -> str:
        before = line(client) if "proxy_protocol" in given else b""
        head = f"{ASKED}X-Forwarded-For: {client}"
        return gateway.send(head, source=PROXY, before=before).split()[1]

    with opened(rate_limits=SLOW, **given) as gateway:
        codes = [status(gateway, "203.0.113.7") for _ in range(30)]
        assert codes[:21] == ["200"] * 21
        assert "429" in codes
        assert status(gateway, "203.0.113.8") == "200"


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
    ],
)
def test_the_addresses_of_one_ipv6_network_share_their_limits(
    opened: Any, first: str, second: str, shared: bool
):
    with opened(rate_limits=SLOW, **TRUSTED) as gateway:

        def status(client: str) -> str:
            return gateway.send(f"{ASKED}X-Forwarded-For: {client}", source=PROXY).split()[1]

        codes = [status(first) for _ in range(30)]
        assert codes[:21] == ["200"] * 21
        assert "429" in codes
        assert ("429" in [status(second) for _ in range(3)]) == shared
