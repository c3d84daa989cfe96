"""After a refusal, a client sends its next request on the connection that it has."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from tests.harness.certificates import Authority
from tests.harness.routed_gateway import DOMAIN, PATH, RoutedGateway, routed
from tests.harness.tokens import Issuer

LATE_SECONDS = 0.2
"""Between the two packets of head and body: a hundred times what the server needs to refuse."""
BODY = {
    "Content-Length: 2": b"{}",
    "Transfer-Encoding: chunked": b"2\r\n{}\r\n0\r\n\r\n",
}
REFUSED = {
    "without a token": ("/mcp", "", 401),
    "with a wrong token": ("/mcp", "Authorization: Bearer x\r\n", 401),
    "from another web page": ("/mcp", "Origin: https://evil.test\r\n", 403),
    "without a token, a user's server": (PATH, "", 401),
    "at no server": ("/servers/absent/mcp", "", 404),
}
NEXT = f"GET /.well-known/oauth-protected-resource HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """nginx, the reference server, and two servers of users."""
    with routed(tmp_path_factory.mktemp("refused"), authority, issuer) as gateway:
        yield gateway


@pytest.mark.parametrize("length", BODY)
@pytest.mark.parametrize(("path", "header", "status"), REFUSED.values(), ids=REFUSED)
def test_a_request_after_a_refusal_is_answered_on_the_same_connection(
    gateway: RoutedGateway, path: str, header: str, status: int, length: str
) -> None:
    """Clients look for the metadata in this way after a 401."""
    head = f"POST {path} HTTP/1.1\r\nHost: {DOMAIN}\r\n{header}{length}\r\n\r\n"
    with gateway.connect() as connection:
        connection.sendall(head.encode())
        time.sleep(LATE_SECONDS)
        connection.sendall(BODY[length])
        refusal = connection.recv(65536)
        connection.sendall(NEXT.encode())
        answer = connection.recv(65536)
    assert refusal.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
