"""Every listener accepts IPv6 and IPv4, and IPv4 alone where the machine has no IPv6."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from runtime.server_config import ServerSection
from runtime.sockets import bound
from tests.harness.server import fetch, free_port, serving
from tests.harness.tokens import Issuer


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_every_listener_accepts_both_families(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, server={"host": "::"}) as server:
        ports = server.config["server"]
        answers = {
            (host, key): fetch(f"http://{host}:{ports[key]}{path}").status_code
            for host in ("127.0.0.1", "[::1]")
            for key, path in (("port", "/ready"), ("metrics_port", "/metrics"))
        }
    assert set(answers.values()) == {200}


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_the_default_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch, number: int):
    real, port = socket.socket, free_port()

    def without_ipv6(family: int, *rest: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6 here")
        return real(family, *rest)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    listening = bound(ServerSection(port=port))[port]
    with listening:
        assert listening.getsockname() == ("0.0.0.0", port)


def test_by_default_a_port_accepts_both_families():
    port = free_port()
    with bound(ServerSection(port=port))[port] as listening:
        listening.listen()
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=5).close()
