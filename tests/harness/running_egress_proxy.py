"""Envoy with the configuration of `EgressProxy`, and what it may and may not connect to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from components.kubernetes.egress_proxy import EgressProxy, EgressProxyArgs, proxy_ports

from . import record
from .certificates import Authority
from .graph_queries import objects
from .name_server import name_server
from .network import can_isolate, every_address_is_local, private_network
from .server import until
from .upstream import Upstream, upstream

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
NEEDS_ENVOY: Final = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Envoy is not in the cache: call tools/envoy"),
    pytest.mark.skipif(not can_isolate(), reason="needs root: the rendered ports must be free"),
]
"""Marks of a test of the proxy."""


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


@contextlib.contextmanager
def running_proxy(directory: Path) -> Generator[Proxy]:
    """The proxy in a network of its own, with a name server and an HTTPS server behind it."""
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


def _is_ready(proxy: Proxy) -> bool:
    with contextlib.suppress(OSError):
        return proxy.get("weather", API, "api.example.com") == "200"
    return False
