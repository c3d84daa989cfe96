"""A session of the program behind a front is its user's alone."""

from __future__ import annotations

import base64
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runtime.upstream_sessions import SEPARATOR, ForeignSessionError, SealedSessions
from tests.harness.front import admitted, in_front
from tests.harness.server import RunningServer, initialize_request, text_of
from tests.harness.tokens import Issuer
from tests.harness.user_server import UserServer, running
from tests.harness.weather_server import weather

LEGACY = "2025-11-25"
ID = "mcp-session-id"
LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}}


@pytest.fixture(scope="module")
def program() -> Generator[UserServer]:
    with running(weather()) as server:
        yield server


@pytest.fixture(scope="module")
def front(servers_directory: Path, issuer: Issuer, program: UserServer) -> Generator[RunningServer]:
    with in_front(servers_directory, issuer, program.port) as server:
        yield server


def sent(
    front: RunningServer, token: str, *sessions: str, method: str = "POST", body: Any = LIST
) -> httpx2.Response:
    headers = [
        ("authorization", f"Bearer {token}"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", LEGACY),
        *((ID, session) for session in sessions),
    ]
    content = {"json": body} if method == "POST" else {}
    return httpx2.request(
        method, f"{front.base}/mcp", headers=headers, verify=front.verify, **content
    )


def opened(front: RunningServer, token: str) -> str:
    answer = sent(front, token, body=initialize_request())
    assert answer.status_code == 200
    return answer.headers[ID]


def test_another_user_cannot_use_see_or_end_a_session(
    front: RunningServer, program: UserServer, issuer: Issuer
):
    ada, bob = admitted(issuer, sub="ada"), admitted(issuer, sub="bob")
    session, own = opened(front, ada), opened(front, bob)
    inner = session.rpartition(".")[0]
    before = len(program.requests)
    tried = {
        "as it is": [session],
        "without the seal": [inner],
        "with the seal of another session": [f"{inner}.{own.rpartition('.')[2]}"],
        "an empty seal": [f"{inner}."],
        "beside an own one": [own, session],
        "before an own one": [session, own],
        "in one header": [f"{own}, {session}"],
        "unknown": ["none"],
    }
    for how, sessions in tried.items():
        for method in ("POST", "GET", "DELETE"):
            answer = sent(front, bob, *sessions, method=method)
            assert (how, answer.status_code) == (how, 404)
            assert answer.json()["error"]["message"] == "Session not found"
    assert len(program.requests) == before
    answer = sent(front, ada, session)
    assert (answer.status_code, answer.headers[ID]) == (200, session)
    assert program.requests[-1][ID] == inner


def test_a_session_outlives_the_token_that_opened_it(front: RunningServer, issuer: Issuer):
    session = opened(front, admitted(issuer, sub="ada"))
    renewed = admitted(issuer, sub="ada", client_id="another", jti="2")
    assert sent(front, renewed, session).status_code == 200
    assert sent(front, renewed, session, method="DELETE").status_code < 300
    assert sent(front, renewed, session).status_code == 404


async def test_the_official_client_keeps_its_session(
    front: RunningServer, program: UserServer, issuer: Issuer
):
    program.requests.clear()
    async with front.client("legacy", admitted(issuer)) as client:
        for _ in range(3):
            result = await client.call_tool("forecast", {"city": "Bern"})
            assert text_of(result) == "rain in Bern"
    used = {request[ID] for request in program.requests if ID in request}
    assert len(used) == 1
    assert "." not in used.pop()


@pytest.mark.parametrize(
    ("session", "user", "other_session", "other_user"),
    [
        (b"a", "b", b"a", "c"),
        (b"a", "b", b"ab", ""),
        (b"a", "b", b"", "ab"),
        (b"1 a", "b", b"a", "b"),
        (b"a.b", "c", b"a", "b.c"),
        (b"a", "", b"a", "a"),
    ],
)
def test_a_seal_holds_for_one_session_of_one_user(
    session: bytes, user: str, other_session: bytes, other_user: str
):
    sessions = SealedSessions(bytes(32))
    shown = sessions.sealed(session, user)
    assert sessions.opened(shown, user) == session
    assert len(base64.urlsafe_b64decode(shown.rpartition(SEPARATOR)[2] + b"=")) == 32
    moved = other_session + SEPARATOR + shown.rpartition(SEPARATOR)[2]
    with pytest.raises(ForeignSessionError):
        sessions.opened(moved, other_user)
    with pytest.raises(ForeignSessionError):
        SealedSessions(bytes([1] * 32)).opened(shown, user)
