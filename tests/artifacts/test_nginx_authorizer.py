"""The gateway's nginx forwards a request only after a valid answer of the authorizer."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.gateway import RateLimits
from tests.harness.certificates import Authority
from tests.harness.network import port
from tests.harness.nginx_gateway import ALWAYS, BEHIND, NAME
from tests.harness.routed_gateway import (
    DOMAIN,
    FILES,
    FORGED,
    OWN_HOST,
    PATH,
    WEATHER,
    route,
    routed,
)
from tests.harness.server import until
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(tmp_path: Path, authority: Authority, issuer: Issuer) -> Callable[..., Any]:
    return partial(routed, tmp_path, authority, issuer)


def test_a_chunked_request_is_checked_alike(opened: Any):
    with opened(rate_limits=RateLimits()) as gateway:
        headers = {"host": DOMAIN, "x-user": "root"}
        body = partial(iter, [b"{}"])
        ask = partial(gateway.ask, PATH, "POST")
        assert ask(headers=headers, content=body()).status_code == 401
        assert gateway.weather.received == []
        token = {"authorization": f"Bearer {gateway.token()}"}
        ask(headers=headers | token, content=body())
        (arrived,) = gateway.weather.received
        assert arrived.headers.getlist("x-user") == ["ada"]
        assert "authorization" not in arrived.headers


def test_the_token_is_passed_on_only_to_a_server_that_is_to_get_it(opened: Any):
    routes = [route("weather", WEATHER, forward_token=True), route("files", FILES, path="/api/mcp")]
    with opened(routes=routes) as gateway:
        token = gateway.token()
        for _ in range(2):
            assert gateway.passed(token=token).headers["authorization"] == f"Bearer {token}"
        gateway.call("/servers/files/mcp", token=gateway.token("files"))
        assert "authorization" not in gateway.files.received[-1].headers


def test_a_server_that_checks_tokens_itself_gets_them_and_no_user(opened: Any):
    routes = [route("weather", WEATHER, auth="server", hostname=OWN_HOST)]
    with opened(routes=routes) as gateway:
        for host, path in ((DOMAIN, PATH), (OWN_HOST, "/mcp")):
            given = {"path": path, "host": host, "authorization": "Bearer x"}
            arrived = gateway.passed(token=None, **given, **FORGED)
            assert arrived.headers["authorization"] == "Bearer x"
            assert arrived.headers["origin"] == f"https://{DOMAIN}"
            assert not {"x-user", "x-user-scopes", "x-user-client"} & set(arrived.headers)
        prefix = "/.well-known/oauth-protected-resource"
        for host, path in (
            (DOMAIN, f"{prefix}{PATH}"),
            (DOMAIN, f"{PATH}{prefix}"),
            (OWN_HOST, prefix),
        ):
            gateway.ask(path, headers={"host": host})
            assert gateway.weather.received[-1].path == f"{prefix}/mcp"


@pytest.mark.slow
def test_a_cached_token_is_refused_after_it_has_expired(opened: Any):
    """With no allowed difference of clocks it is over at `exp`, although it was just used."""
    auth = {"resource_url": f"https://{DOMAIN}/mcp", "clock_skew_seconds": 0}
    with opened(auth=auth) as gateway:
        token = gateway.token(lives_seconds=4)
        ends = int(time.time()) + 4
        while time.time() < ends - 0.5:
            assert gateway.call(token=token).status_code == 200
        time.sleep(max(0, ends + 0.1 - time.time()))  # until the time that the token names
        assert gateway.call(token=token).status_code == 401


@pytest.mark.slow
def test_without_an_authorizer_no_request_passes(opened: Any):
    with opened() as gateway:
        known = gateway.token()
        assert gateway.call(token=known).status_code == 200
        os.kill(gateway.authorizer.program.pid, signal.SIGSTOP)
        os.kill(gateway.authorizer.program.pid, signal.SIGKILL)
        gateway.authorizer.program.wait(10)
        for token in (gateway.token(sub="new"), None):
            answer = gateway.call(token=token)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["error"] == "temporarily_unavailable"
            assert ALWAYS.items() <= dict(answer.headers).items()
        until(lambda: gateway.call(token=known).status_code == 503)
        assert {request.headers["x-user"] for request in gateway.weather.received} == {"ada"}


@pytest.mark.parametrize("status", [200, 204, 302, 404, 421, 500, 503])
def test_a_request_is_refused_unless_the_authorizer_answers_2xx(
    opened: Any, authority: Authority, status: int
):
    """The authorizer is replaced by a server that gives this answer, but not 401 or 403."""
    with opened() as gateway:
        gateway.authorizer.program.kill()
        with answering(port(BEHIND), authority.issue("core", [NAME]), status):
            answer = gateway.call()
            if status < 300:
                assert answer.status_code == 200
                assert "x-user" not in gateway.weather.received[-1].headers
            else:
                assert answer.status_code == 503
                assert gateway.weather.received == []


class answering:
    """An HTTPS server that has one answer to everything."""

    def __init__(self, number: int, certificate: tuple[Path, Path], status: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.listening = context.wrap_socket(
            socket.create_server(("127.0.0.1", number)), server_side=True
        )
        self.answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.asked = b""
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):  # the gateway may have gone
                self.asked += connection.recv(65536)
                connection.sendall(self.answer.encode())

    def __enter__(self) -> answering:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self.thread.join(10)
        self.listening.close()


def test_an_authorizer_with_an_untrusted_certificate_is_not_asked(opened: Any, tmp_path: Path):
    (tmp_path / "other").mkdir()
    shown = Authority.at(tmp_path / "other").issue("core", [NAME])
    with opened() as gateway:
        gateway.authorizer.program.kill()
        with answering(port(BEHIND), shown, 200) as other:
            assert gateway.call().status_code == 503
            assert other.asked == b""
            assert gateway.weather.received == []
