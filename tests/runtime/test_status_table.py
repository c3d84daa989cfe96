"""The table of status codes in the documentation says what a real server answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Final

import httpx2
import pytest

from tests.docs.test_troubleshooting import rows
from tests.harness.server import RunningServer, initialize_request, modern_request, serving
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

SESSION: Final = "mcp-session-id"
TABLE: Final = [(int(status), text.strip("`")) for status, text, who in rows() if "server" in who]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    """A server of both eras, with narrow limits."""
    protocol = {"allowed_hosts": ["127.0.0.1"]}
    limits = {"max_body_bytes": 2048, "sessions_per_user": 1, "messages_per_second": 0}
    folder = tmp_path_factory.mktemp("table")
    with serving(folder, issuer, protocol=protocol, limits=limits) as one:
        yield one


def calls(server: RunningServer, **claims: object) -> httpx2.Response:
    return server.post_modern("tools/list", server.issuer.token(**claims))  # pyright: ignore[reportArgumentType]


def second_session(server: RunningServer) -> httpx2.Response:
    token = server.issuer.token(sub="two-sessions")
    server.post(initialize_request(), token=token)
    return server.post(initialize_request(), token=token)


def second_stream(server: RunningServer) -> httpx2.Response:
    opened = server.post(initialize_request())
    headers = {
        "authorization": f"Bearer {server.token}",
        "accept": "text/event-stream",
        SESSION: opened.headers[SESSION],
    }
    with httpx2.stream("GET", f"{server.base}/mcp", headers=headers):
        return httpx2.get(f"{server.base}/mcp", headers=headers)


LIST: Final[dict[str, object]] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
PROVOKED: Final[dict[str, Callable[[RunningServer], httpx2.Response]]] = {
    "400 Bad Request: Missing session ID": lambda server: server.post(LIST),
    "401 a bearer token is required": lambda server: server.post(LIST, token=None),
    "401 the token has expired": lambda server: calls(server, lives_seconds=-600),
    "401 the claim aud": lambda server: calls(server, aud="https://other.example.com"),
    "401 the claim iss": lambda server: calls(server, iss="https://other.example.com"),
    "401 the token is signed with a key": lambda server: calls(server, kid="other"),
    "404 Session not found": lambda server: server.post(LIST, **{SESSION: "none"}),
    "405 no body": lambda server: httpx2.put(
        f"{server.base}/mcp", headers={"authorization": f"Bearer {server.token}"}
    ),
    "409 Conflict": second_stream,
    "413 The body is larger": lambda server: server.post(
        modern_request("tools/list", filler="x" * 4096)
    ),
    "421 This Host": lambda server: server.post(LIST, host="other.example.com"),
    "429 sessions open": second_session,
}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_refusal_is_in_the_table_with_its_status(server: RunningServer, name: str):
    assert_listed(PROVOKED[name](server), name)


def test_an_era_that_is_not_served_is_in_the_table(
    tmp_path_factory: pytest.TempPathFactory, issuer: Issuer
):
    folder, protocol = tmp_path_factory.mktemp("modern"), {"era": "modern"}
    with serving(folder, issuer, protocol=protocol) as modern:
        assert_listed(modern.post(initialize_request()), "400 Unsupported protocol version")


def assert_listed(answer: httpx2.Response, name: str) -> None:
    """Exactly one row of the table has the status and the text of the answer."""
    status, _, beginning = name.partition(" ")
    assert answer.status_code == int(status), answer.text
    (found,) = [
        text
        for stated, text in TABLE
        if stated == answer.status_code
        and (beginning in text if text == "no body" else re.search(pattern(text), answer.text))
    ]
    assert beginning in found


def pattern(text: str) -> str:
    """A quoted text of the table as a regular expression."""
    return ".+".join(re.escape(part.strip()) for part in text.split("…"))
