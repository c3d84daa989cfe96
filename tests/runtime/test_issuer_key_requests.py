"""Requests for the keys of an issuer: redirects, authorities, sizes and timeouts."""

from __future__ import annotations

import dataclasses
import json
import ssl
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest

from runtime import jwk_set
from runtime.jwk_set import UnreadableError, url_reader
from tests.harness.certificates import Authority
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

QUERY_SECRET = "s3cret-in-the-query"


@dataclasses.dataclass
class Server:
    """An HTTPS server of an issuer with a private certificate authority."""

    base: str
    ca_file: Path
    asked: list[str]

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"


@pytest.fixture(scope="module")
def issuer_server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[Server]:
    authority = Authority.at(tmp_path_factory.mktemp("authority"))
    asked: list[str] = []
    redirects = {
        "/moved": "/keys",
        "/plain": "http://127.0.0.1:1/keys",
        "/loop": "/loop",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = self.path.partition("?")[0]
            if path in redirects:
                self.send_response(302)
                self.send_header("location", redirects[path])
                self.end_headers()
            elif path == "/large":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b" " * (jwk_set.MOST_BYTES + 1))
            elif path == "/keys":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": [issuer.jwk()]}).encode())
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Server(f"https://127.0.0.1:{server.server_port}", authority.ca_file, asked)
    server.shutdown()
    server.server_close()


@pytest.fixture
def private(
    servers_directory: Path, issuer: Issuer, issuer_server: Server
) -> Generator[RunningServer]:
    """A server whose issuer has a private authority, another port than 443 and a query."""
    auth = {
        "issuer": ISSUER,
        "resource_url": AUDIENCE,
        "jwks_url": issuer_server.url(f"moved?appid={QUERY_SECRET}"),
        "jwks_ca_file": str(issuer_server.ca_file),
    }
    logging = {"level": "debug"}
    with serving(servers_directory, issuer, auth=auth, logging=logging) as server:
        yield server


def test_keys_of_a_private_issuer_are_fetched_and_its_url_is_logged_nowhere(
    private: RunningServer, issuer_server: Server
):
    assert private.post_modern("tools/list").status_code == 200
    assert issuer_server.asked[-2:] == [f"/moved?appid={QUERY_SECRET}", "/keys"]
    assert QUERY_SECRET not in private.log_file.read_text()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("absent?token=x", "it answers 404"),
        ("plain", "it redirects to a URL without TLS"),
        ("loop", "it redirects more than 3 times"),
        ("large", "it is larger than"),
    ],
)
async def test_the_error_of_a_failed_fetch_does_not_contain_the_url(
    issuer_server: Server, path: str, reason: str
):
    with pytest.raises(UnreadableError, match=reason) as unreadable:
        await url_reader(issuer_server.url(path), issuer_server.ca_file)()
    assert "127.0.0.1" not in str(unreadable.value)
    assert "token" not in str(unreadable.value)


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    issuer_server: Server, tmp_path: Path
):
    for ca_file in (None, Authority.at(tmp_path).ca_file):
        with pytest.raises(UnreadableError, match="its certificate is not trusted"):
            await url_reader(issuer_server.url("keys"), ca_file)()


async def test_fetching_keys_times_out(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(jwk_set, "FETCH_WITHIN_SECONDS", 0.2)

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep(5)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        with anyio.fail_after(3), pytest.raises(UnreadableError, match="no answer within"):
            await url_reader(f"http://127.0.0.1:{port}/keys")()
        group.cancel_scope.cancel()
