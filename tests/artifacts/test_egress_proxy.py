"""Envoy with the rendered configuration opens tunnels to each server's own hosts, for TLS alone."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from components.kubernetes.egress_proxy import EgressProxy, EgressProxyArgs, proxy_ports
from components.mcp.metrics import exported_by
from tests.harness import record
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects
from tests.harness.name_server import name_server
from tests.harness.network import can_isolate, every_address_is_local, private_network
from tests.harness.server import until
from tests.harness.upstream import Upstream, upstream

CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
PROGRAM: Final = next(iter(CACHE.glob("envoy/env/lib/*/site-packages/envoy/_bin/envoy")), None)
API: Final = "api.example.com:443"
FILES: Final = "files.example.com:443"
IPV4: Final = "93.184.216.34"
IPV6: Final = "2606:4700::1111"
"""Public addresses, which this machine has in the tests' own network."""
UNREACHABLE: Final = "9.9.9.9"
API_SERVER: Final = "34.120.0.7"
"""A public address that the component is told to keep closed."""
HIDDEN: Final = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "168.63.129.16", "169.254.169.254"),
    *("169.254.170.2", "172.16.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
    *("::1", "::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "100::1", "2001:db8::1", "2002:a9fe:a9fe::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "::ffff:10.0.0.1"),
    "::ffff:169.254.169.254",
)
"""Addresses that are not public: private ones, metadata, and IPv4 addresses in IPv6 ones."""
RECORDS: Final[dict[str, list[str]]] = {
    "api.example.com": [IPV4],
    "files.example.com": [IPV4],
    "other.example.com": [IPV4],
    "six.example.com": [IPV6],
    "both.example.com": [IPV6, IPV4],
    "moved.example.com": [IPV4],
    "mixed.example.com": ["10.0.0.1", IPV4],
    "half.example.com": [UNREACHABLE, IPV4],
    "api-server.example.com": [API_SERVER],
    **{f"hidden{number}.example.com": [address] for number, address in enumerate(HIDDEN)},
}
"""What the name server answers; tests change it."""
NAMES: Final = tuple(RECORDS)
ALLOWED: Final = {
    "weather": [API],
    "files": [FILES],
    "others": [f"{name}:443" for name in NAMES if f"{name}:443" not in (API, FILES)][1:],
}
PORTS: Final = proxy_ports(ALLOWED)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Envoy is not in the cache: call tools/envoy"),
    pytest.mark.skipif(not can_isolate(), reason="needs root: the rendered ports must be free"),
]


@dataclass(frozen=True)
class Proxy:
    """The running proxy, the HTTPS server behind all names, and the log."""

    behind: Upstream
    trust: ssl.SSLContext
    log: Path

    def get(self, server: str, host: str, name: str | None = None) -> str:
        """GET through the proxy as ``server`` does: the body, or by what it was refused.

        Args:
            server: whose port of the proxy is used.
            host: ``host:port`` of the CONNECT request.
            name: the server name in the TLS handshake; None: no TLS at all.
        """
        with socket.create_connection(("127.0.0.1", PORTS[server]), 10) as plain:
            plain.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            status = plain.recv(4096).split(b" ", 2)[1].decode()
            if status != "200":
                return status
            request = b"GET /forecast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            try:
                if name is None:
                    plain.sendall(request)
                    return "answered" if plain.recv(4096) else "closed"
                with self.trust.wrap_socket(plain, server_hostname=name) as tunnel:
                    tunnel.sendall(request)
                    return tunnel.recv(65536).split(b" ", 2)[1].decode()
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return "closed"

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the access log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]


def rendered(resolver: int) -> str:
    """The file that the component mounts, with the test's DNS server in place of the pod's."""
    image, closed = "example.com/envoy:1", [f"{API_SERVER}/32"]
    args = EgressProxyArgs(
        namespace="mcp", image=image, allowed=ALLOWED, api_server=closed, metrics=True
    )
    graph = record(lambda: EgressProxy("egress-proxy", args))
    (files,) = objects(graph, "ConfigMap")
    config = json.loads(files["data"]["envoy.json"])
    at = {"socket_address": {"address": "127.0.0.1", "port_value": resolver}}
    config["typed_dns_resolver_config"]["typed_config"]["resolvers"] = [at]
    return json.dumps(config)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Proxy]:
    directory = tmp_path_factory.mktemp("egress")
    authority = Authority.at(directory)
    certificate, key = authority.issue(names=NAMES)
    config, log = directory / "envoy.json", directory / "log"
    trust = ssl.create_default_context(cafile=authority.ca_file)
    with (
        private_network(),
        upstream(443, certificate, key, "::") as behind,
        name_server(RECORDS) as resolver,
        log.open("wb") as out,
    ):
        every_address_is_local(IPV4, IPV6, unreachable=UNREACHABLE)
        config.write_text(rendered(resolver))
        command = [str(PROGRAM), "-c", str(config)]
        envoy = subprocess.Popen(
            [
                *(*command, "--disable-hot-restart", "--concurrency", "1", "-l", "warn"),
                *("--file-flush-interval-msec", "100"),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            subject = Proxy(behind, trust, log)
            until(lambda: _is_ready(subject), 20)
            yield subject
        finally:
            envoy.send_signal(signal.SIGTERM)
            envoy.wait(10)


def refusals(proxy: Proxy) -> list[tuple[str, Any]]:
    """Host and address of the connections that were refused for their address."""
    return [
        (one["host"], ip_address(one["address"].rpartition(":")[0].strip("[]")))
        for one in proxy.lines()
        if "address" in one and "refused" in one
    ]


def _is_ready(proxy: Proxy) -> bool:
    with contextlib.suppress(OSError):
        return proxy.get("weather", API, "api.example.com") == "200"
    return False


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


METRICS: Final = "http://127.0.0.1:9090"
_SERIES: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)


def counted() -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """What the page for Prometheus says: by metric, the labels in their order, and the value."""
    text = httpx2.get(f"{METRICS}/metrics").text
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for name, labels, value in _SERIES.findall(text):
        said = tuple(re.findall(r'(\w+)="([^"]*)"', labels))
        found.setdefault(name, {})[said] = float(value)
    return found


def refused_of(who: str, code: str = "4") -> float:
    labels = (("envoy_response_code_class", code), ("envoy_http_conn_manager_prefix", who))
    return counted()["envoy_http_downstream_rq_xx"][labels]


def test_envoy_exports_the_metrics_of_the_list_and_no_other(proxy: Proxy) -> None:
    assert proxy.get("weather", API, "api.example.com") == "200"
    found = counted()
    listed = exported_by("egress")
    assert found.keys() == listed.keys()
    for name, series in found.items():
        for labels in series:
            assert [label for label, _ in labels] == list(listed[name].labels)


def test_each_refusal_is_counted_where_the_documentation_says(proxy: Proxy) -> None:
    tunnels = (("envoy_listener_address", "tunnels"),)

    def now() -> tuple[float, float, float, float]:
        return (
            refused_of("server weather"),
            refused_of("connections to hosts"),
            counted()["envoy_listener_no_filter_chain_match"][tunnels],
            refused_of("server weather", "2"),
        )

    before = now()
    assert proxy.get("weather", "other.example.com:443", "other.example.com") == "403"
    assert proxy.get("others", "hidden0.example.com:443", "hidden0.example.com") == "closed"
    assert proxy.get("weather", API, "files.example.com") == "closed"
    assert proxy.get("weather", API, "api.example.com") == "200"
    expected = tuple(a + b for a, b in zip(before, (1, 1, 1, 2), strict=True))
    until(lambda: now() == expected, 20)


def test_a_server_has_few_series(proxy: Proxy) -> None:
    """Of 50 servers fewer than 500, whatever hosts they list."""
    assert proxy
    of_one = sum(
        1 for series in counted().values() for labels in series if ("server weather") in str(labels)
    )
    assert of_one == 8


def test_of_the_administration_the_page_for_prometheus_alone_is_served(proxy: Proxy) -> None:
    assert httpx2.get(f"{METRICS}/metrics").status_code == 200
    for path in ("/", "/config_dump", "/stats", "/stats/prometheus", "/clusters", "/certs"):
        assert httpx2.get(METRICS + path).status_code == 404, path
    for path in ("/quitquitquit", "/healthcheck/fail", "/logging?level=debug", "/metrics"):
        assert httpx2.post(METRICS + path).status_code == 404, path
    assert proxy.get("weather", API, "api.example.com") == "200"
