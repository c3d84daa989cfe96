"""Envoy with the rendered configuration opens tunnels to each server's own hosts, for TLS alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from components.kubernetes.egress_proxy import EgressProxy, EgressProxyArgs, proxy_ports
from tests.harness import record
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects
from tests.harness.network import can_isolate, private_network
from tests.harness.server import until
from tests.harness.upstream import Upstream, upstream

CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
PROGRAM: Final = next(iter(CACHE.glob("envoy/env/lib/*/site-packages/envoy/_bin/envoy")), None)
API: Final = "api.example.com:443"
FILES: Final = "files.example.com:443"
ALLOWED: Final = {"weather": [API], "files": [FILES]}
PORTS: Final = proxy_ports(ALLOWED)
NAMES: Final = ("api.example.com", "files.example.com", "other.example.com")

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


def rendered() -> str:
    """The configuration file that the component mounts."""
    args = EgressProxyArgs(namespace="mcp", image="example.com/envoy:1", allowed=ALLOWED)
    graph = record(lambda: EgressProxy("egress-proxy", args))
    (files,) = objects(graph, "ConfigMap")
    return files["data"]["envoy.json"]


def _resolve(sock: socket.socket) -> None:
    """Answer every DNS query for an IPv4 address with this machine's own."""
    with contextlib.suppress(OSError):
        while True:
            query, peer = sock.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            is_ipv4 = query[end - 4 : end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_ipv4 else b""
            counts = b"\0\1" + (b"\0\1" if is_ipv4 else b"\0\0") + b"\0\0\0\0"
            sock.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + answer, peer)


@contextlib.contextmanager
def name_server() -> Generator[str]:
    """A DNS server; yields the setting by which Envoy asks it in place of the machine's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        threading.Thread(target=_resolve, args=(sock,), daemon=True).start()
        at = {"socket_address": {"address": "127.0.0.1", "port_value": sock.getsockname()[1]}}
        kind = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
        resolver = {"@type": f"type.googleapis.com/{kind}", "resolvers": [at]}
        yield json.dumps({"typed_dns_resolver_config": {"name": "cares", "typed_config": resolver}})


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Proxy]:
    directory = tmp_path_factory.mktemp("egress")
    authority = Authority.at(directory)
    certificate, key = authority.issue(names=NAMES)
    config, log = directory / "envoy.json", directory / "log"
    config.write_text(rendered())
    trust = ssl.create_default_context(cafile=authority.ca_file)
    with (
        private_network(),
        upstream(443, certificate, key) as behind,
        name_server() as resolver,
        log.open("wb") as out,
    ):
        command = [str(PROGRAM), "-c", str(config), "--config-yaml", resolver]
        envoy = subprocess.Popen(
            [*command, "--disable-hot-restart", "--concurrency", "1", "-l", "warn"],
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
        by_host = any(
            (one.get("server"), one.get("host"), one.get("status"))
            == ("weather", "other.example.com:443", 403)
            for one in lines
        )
        by_name = any(
            (one.get("host"), one.get("server_name")) == (API, "other.example.com") for one in lines
        )
        return by_host and by_name

    until(logged, 20)
