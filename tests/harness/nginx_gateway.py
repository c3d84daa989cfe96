"""Runs the gateway's nginx with its rendered configuration, and a recording server behind it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from components.kubernetes.gateway import Gateway, GatewayArgs
from components.kubernetes.gateway import Upstream as Target

from . import programs, record
from .certificates import Authority
from .containers import RunningContainer
from .network import port, private_network
from .pods import Pod
from .running_pod import run_container
from .server import until
from .upstream import Upstream, upstream

BEHIND = 8444
NAME = "mcp-core-service.any.svc"
ALWAYS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@dataclass
class RunningGateway:
    """A running gateway, its upstream, and a client that trusts its authority."""

    running: RunningContainer
    behind: Upstream
    trust: ssl.SSLContext

    def ask(self, path: str = "/mcp", method: str = "GET", **options: Any) -> httpx2.Response:
        """Send a request over TLS."""
        url = f"https://127.0.0.1:{port(8443)}{path}"
        return httpx2.request(method, url, verify=self.trust, timeout=20, **options)

    def connect(self, source: str = "127.0.0.1", before: bytes = b"") -> ssl.SSLSocket:
        """Open a TLS connection from this address of loopback; send `before` in front of TLS."""
        address = "::1" if ":" in source else "127.0.0.1"
        plain = socket.create_connection(
            (address, port(8443)), timeout=20, source_address=(source, 0)
        )
        plain.sendall(before)
        return self.trust.wrap_socket(plain, server_hostname="localhost")

    def send(self, head: str, source: str = "127.0.0.1", before: bytes = b"") -> str:
        """Send a request as it is written, one line a line, and return the answer."""
        with self.connect(source, before) as connection:
            lines = [*head.splitlines(), "Connection: close", "", ""]
            connection.sendall("\r\n".join(lines).encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def logged(self) -> list[dict[str, Any]]:
        """The lines of the access log."""
        lines = self.running.log.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def workers(self) -> list[int]:
        """The process ids of nginx's workers on this machine."""
        processes = Path("/proc").glob("[0-9]*")
        titles = {int(p.name): _title(p) for p in processes}
        mine = _descendants(self.running.process.pid)
        return [pid for pid, title in titles.items() if "worker process" in title and pid in mine]

    def ask_plain(self, path: str, method: str = "GET", **options: Any) -> httpx2.Response:
        """Send a request over plain HTTP."""
        return httpx2.request(method, f"http://127.0.0.1:{port(8080)}{path}", **options)


def gateway_pod(
    directory: Path,
    authority: Authority,
    edge: tuple[Path, Path] | None = None,
    **given: Any,
) -> Pod:
    """The gateway's pod, which shows clients the certificate ``edge``."""
    programs.required("nginx")
    certificate, key = edge or authority.issue("edge")
    tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    args = GatewayArgs(
        namespace="any",
        image="docker.io/nginxinc/nginx-unprivileged:1.29",
        upstream=Target(host="127.0.0.1", port=BEHIND, certificate_name=NAME),
        tls_secret="edge",
        internal_ca_secret="internal",
        issuer="https://issuer.test",
        **given,
    )
    secrets = {"edge": tls, "internal": {"ca.crt": authority.ca_file.read_text()}}
    graph = record(lambda: Gateway("gateway", args))
    return Pod.recorded(graph, "gateway", directory, secrets)


@contextlib.contextmanager
def opened(
    directory: Path,
    authority: Authority,
    certificate: tuple[Path, Path] | None = None,
    **given: Any,
) -> Generator[RunningGateway]:
    """Run a gateway with these arguments in a private network; the upstream uses `certificate`."""
    pod = gateway_pod(directory, authority, **given)
    shown = certificate or authority.issue("core", [NAME])
    with (
        private_network(),
        upstream(port(BEHIND), *shown) as behind,
        run_container(pod, "gateway") as running,
    ):
        gateway = RunningGateway(running, behind, authority.trust())
        until(lambda: is_open(gateway))
        yield gateway


def is_open(gateway: RunningGateway) -> bool:
    assert gateway.running.process.poll() is None, gateway.running.log
    try:
        ready = gateway.running.pod.container("gateway")["readinessProbe"]["httpGet"]["port"]
        return httpx2.get(f"http://127.0.0.1:{port(ready)}/ready").status_code == 200
    except httpx2.ConnectError:
        return False


def _title(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_text()
    return ""


def _descendants(root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(process.name))
    found, left = set[int](), [root]
    while left:
        pid = left.pop()
        found.add(pid)
        left += children.get(pid, [])
    return found
