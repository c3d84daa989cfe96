"""Envoy with the rendered configuration opens tunnels to each server's own hosts, for TLS alone."""

from __future__ import annotations

import itertools
import socket
import ssl
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import pytest

from tests.harness.running_egress_proxy import (
    API,
    API_SERVER,
    FILES,
    HIDDEN,
    IPV4,
    IPV6,
    NEEDS_ENVOY,
    PORTS,
    RECORDS,
    Proxy,
    running_proxy,
)
from tests.harness.server import until

pytestmark = NEEDS_ENVOY


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Proxy]:
    with running_proxy(tmp_path_factory.mktemp("egress")) as running:
        yield running


def refusals(proxy: Proxy) -> list[tuple[str, Any]]:
    """Host and address of the connections that were refused for their address."""
    return [
        (one["host"], ip_address(one["address"].rpartition(":")[0].strip("[]")))
        for one in proxy.lines()
        if "address" in one and "refused" in one
    ]


def test_a_server_reaches_its_own_hosts(proxy: Proxy) -> None:
    assert proxy.get("weather", API, "api.example.com") == "200"
    assert proxy.get("files", FILES, "files.example.com") == "200"


def test_the_certificate_is_that_of_the_host_itself(proxy: Proxy) -> None:
    proxy.trust.check_hostname = True
    assert proxy.trust.verify_mode is ssl.CERT_REQUIRED
    assert proxy.get("weather", "API.example.com:443", "api.example.com") == "200"


@pytest.mark.parametrize(
    "host",
    [
        FILES,  # of another server
        "other.example.com:443",
        "api.example.com:22",
        "api.example.com",
        "127.0.0.1:443",
        "[::1]:443",
        "169.254.169.254:80",
        "metadata.google.internal:80",
        "kubernetes.default.svc:443",
        "api.example.com.:443",
        "api.example.com.evil.example:443",
        "evilapi.example.com:443",
        "api.example.com:0443",
        "example.com:443",
    ],
)
def test_other_hosts_are_refused(proxy: Proxy, host: str) -> None:
    before = len(proxy.behind.received)
    assert proxy.get("weather", host, "api.example.com") in ("400", "403")
    assert len(proxy.behind.received) == before


@pytest.mark.parametrize(
    "name", ["other.example.com", "files.example.com", "api.example.com.evil.example", None]
)
def test_a_tunnel_for_another_name_is_closed(proxy: Proxy, name: str | None) -> None:
    before = len(proxy.behind.received)
    assert proxy.get("weather", API, name) == "closed"
    assert len(proxy.behind.received) == before


def test_public_addresses_of_both_families_are_reached(proxy: Proxy) -> None:
    for name in ("six.example.com", "both.example.com", "both.example.com"):
        assert proxy.get("others", f"{name}:443", name) == "200"
    assert set(proxy.behind.reached[-3:]) == {IPV6, f"::ffff:{IPV4}"}


def test_another_address_is_tried_where_one_does_not_answer(proxy: Proxy) -> None:
    name = "half.example.com"
    assert [proxy.get("others", f"{name}:443", name) for _ in range(4)] == ["200"] * 4


def test_a_host_whose_address_is_not_public_is_refused(proxy: Proxy) -> None:
    """Each is refused with a line in the log, and the connection to it is not opened."""
    addresses = {f"hidden{number}.example.com": address for number, address in enumerate(HIDDEN)}
    addresses["api-server.example.com"] = API_SERVER
    before = len(proxy.behind.reached)
    hosts, many = [f"{name}:443" for name in addresses], len(addresses)
    with ThreadPoolExecutor(8) as clients:
        found = clients.map(proxy.get, ["others"] * many, hosts, addresses)
        assert dict(zip(hosts, found, strict=True)) == dict.fromkeys(hosts, "closed")
    assert proxy.behind.reached[before:] == []
    refused = {(f"{name}:443", ip_address(address)) for name, address in addresses.items()}
    until(lambda: refused <= set(refusals(proxy)))


def test_a_private_address_among_others_of_a_host_is_refused(proxy: Proxy) -> None:
    before, name = len(proxy.behind.reached), "mixed.example.com"
    assert {proxy.get("others", f"{name}:443", name) for _ in range(4)} == {"200", "closed"}
    assert set(proxy.behind.reached[before:]) == {f"::ffff:{IPV4}"}


def test_a_name_that_moves_to_a_private_address_is_checked_again(proxy: Proxy) -> None:
    """DNS rebinding: the first answer is public, later ones are not."""
    host, name = "moved.example.com:443", "moved.example.com"
    assert proxy.get("others", host, name) == "200"
    RECORDS[name] = ["169.254.169.254"]
    try:
        until(lambda: proxy.get("others", host, name) == "closed", 30)
    finally:
        RECORDS[name] = [IPV4]
    assert "::ffff:169.254.169.254" not in proxy.behind.reached


def test_a_dns_answer_between_check_and_connection_has_no_effect(proxy: Proxy) -> None:
    """The name has another address at each look-up, and tunnels are asked for all the time."""
    name, turn = "moved.example.com", itertools.cycle(("10.0.0.1", IPV4))
    before = len(proxy.behind.reached)
    found: set[str] = set()
    end = time.monotonic() + 20
    with ThreadPoolExecutor(8) as clients:
        while len(found) < 2 or len(proxy.behind.reached) < before + 20:
            assert time.monotonic() < end, found
            RECORDS[name] = [next(turn)]
            found |= set(clients.map(proxy.get, ["others"] * 8, [f"{name}:443"] * 8, [name] * 8))
    RECORDS[name] = [IPV4]
    assert found == {"200", "closed"}
    assert set(proxy.behind.reached[before:]) == {f"::ffff:{IPV4}"}


def test_requests_that_are_no_tunnel_are_refused(proxy: Proxy) -> None:
    for request in ("GET http://api.example.com/", "GET /", "POST http://files.example.com/"):
        with socket.create_connection(("127.0.0.1", PORTS["weather"]), 10) as plain:
            plain.sendall(f"{request} HTTP/1.1\r\nHost: api.example.com\r\n\r\n".encode())
            assert plain.recv(4096).split(b" ", 2)[1] == b"403"


def test_refusals_are_logged_with_server_and_host(proxy: Proxy) -> None:
    proxy.get("weather", "other.example.com:443", "other.example.com")
    proxy.get("weather", API, "other.example.com")

    def logged() -> bool:
        lines = proxy.lines()
        listed = [(one.get("server"), one.get("host"), one.get("status")) for one in lines]
        by_host = ("weather", "other.example.com:443", 403) in listed
        by_name = any(
            (one.get("host"), one.get("server_name")) == (API, "other.example.com") for one in lines
        )
        return by_host and by_name

    until(logged, 20)
