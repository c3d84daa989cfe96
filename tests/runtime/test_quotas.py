"""All connections and tokens of a user share one quota."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError
from mcp_types.version import LATEST_HANDSHAKE_VERSION
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from runtime.message_rates import MessageRates
from tests.harness.server import (
    MODERN,
    RunningServer,
    initialize_request,
    modern_request,
    serving,
    until,
)
from tests.harness.tokens import Issuer

RATE, BURST, SESSIONS, STREAMS = 2, 5, 3, 2
LIMITS = {
    "messages_per_second": RATE,
    "burst": BURST,
    "sessions_per_user": SESSIONS,
    "streams_per_user": STREAMS,
}


@pytest.fixture(scope="module")
def limited(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    with serving(servers_directory, issuer, limits=LIMITS) as server:
        yield server


def open_session(server: RunningServer, token: str) -> httpx2.Response:
    return server.post(initialize_request(), token=token)


def delete_session(server: RunningServer, token: str, name: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}", "mcp-session-id": name}
    return httpx2.delete(f"{server.base}/mcp", headers=headers)


@pytest.mark.parametrize("renewed", [False, True], ids=["one token", "a new token each time"])
def test_posts_above_the_rate_are_answered_429_with_json_and_retry_after(
    limited: RunningServer, issuer: Issuer, renewed: bool
):
    user = f"poster-{renewed}"
    first = issuer.token(sub=user)
    tokens = [issuer.token(sub=user, jti=str(n)) if renewed else first for n in range(20)]
    answers = [limited.post_modern("tools/list", token) for token in tokens]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[BURST].status_code == 200
    assert len(refused) >= 10
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["jsonrpc"] == "2.0"
        assert "messages a second" in answer.json()["error"]["message"]


def test_each_user_has_a_message_rate_of_its_own(limited: RunningServer, issuer: Issuer):
    noisy, quiet = issuer.token(sub="noisy"), issuer.token(sub="quiet")
    assert {limited.post_modern("tools/list", noisy).status_code for _ in range(15)} == {200, 429}
    assert limited.post_modern("tools/list", quiet).status_code == 200


async def frames(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    for n in range(count):
        await socket.send(json.dumps(modern_request("tools/list") | {"id": n}))
    return [json.loads(await socket.recv()) for _ in range(count)]


def websocket(server: RunningServer, token: str) -> connect:
    url = server.base.replace("http", "ws") + "/ws"
    return connect(url, additional_headers={"authorization": f"Bearer {token}"})


async def test_frames_of_all_websockets_of_a_user_share_one_rate(
    limited: RunningServer, issuer: Issuer
):
    token = issuer.token(sub="framer")
    async with websocket(limited, token) as one, websocket(limited, token) as other:
        answers = await frames(one, 20) + await frames(other, 20)
    refused = [answer for answer in answers if "error" in answer]
    assert len(refused) >= 25
    assert {answer["id"] for answer in refused} <= set(range(20)), "each names its request"
    assert limited.post_modern("tools/list", token).status_code == 429


@pytest.mark.parametrize(
    "frame",
    [
        "no message",
        json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}),
    ],
    ids=["invalid", "cancellation"],
)
async def test_frames_that_are_no_calls_are_read_at_the_rate_of_messages(
    limited: RunningServer, issuer: Issuer, frame: str
):
    """The call after them is read when as many calls would have been allowed."""
    token = issuer.token(sub=f"floods with {frame[:5]}")
    clock = asyncio.get_running_loop().time
    async with websocket(limited, token) as socket:
        began = clock()
        for _ in range(BURST + 4):
            await socket.send(frame)
        await socket.send(json.dumps(modern_request("tools/list") | {"id": "last"}))
        while json.loads(await socket.recv()).get("id") != "last":
            pass
        assert clock() - began >= 3 / RATE


def test_sessions_of_a_user_are_limited_and_can_always_be_deleted(
    limited: RunningServer, issuer: Issuer
):
    token = issuer.token(sub="opener")
    opened = [open_session(limited, token) for _ in range(SESSIONS + 1)]
    assert [answer.status_code for answer in opened] == [200] * SESSIONS + [429]
    assert "sessions" in opened[-1].json()["error"]["message"]
    while open_session(limited, token).status_code != 429:  # uses up the rate as well
        pass
    for answer in opened[:SESSIONS]:
        assert delete_session(limited, token, answer.headers["mcp-session-id"]).status_code == 200
    assert open_session(limited, issuer.token(sub="other-opener")).status_code == 200


def test_an_ended_session_makes_room_for_another(servers_directory: Path, issuer: Issuer):
    with serving(servers_directory, issuer, limits={"sessions_per_user": 1}) as server:
        for _ in range(3):
            opened = open_session(server, server.token)
            assert opened.status_code == 200
            assert open_session(server, server.token).status_code == 429
            name = opened.headers["mcp-session-id"]
            assert delete_session(server, server.token, name).status_code == 200
        refused = [server.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}) for _ in range(3)]
        assert {answer.status_code for answer in refused} == {400}
        assert open_session(server, server.token).status_code == 200, "refusals take no room"


def test_sessions_in_a_store_have_the_same_quota(servers_directory: Path, issuer: Issuer):
    limits = {"sessions_per_user": 2}
    with serving(servers_directory, issuer, limits=limits, state={"kind": "memory"}) as server:
        answers = [open_session(server, server.token).status_code for _ in range(3)]
        assert answers == [200, 200, 429]
        assert open_session(server, issuer.token(sub="bob")).status_code == 200


async def test_streams_are_counted_apart_from_calls(limited: RunningServer, issuer: Issuer):
    token = issuer.token(sub="streamer")
    async with websocket(limited, token), websocket(limited, token):
        with pytest.raises(InvalidStatus) as refused:
            await websocket(limited, token)
        assert refused.value.response.status_code == 429
        assert (await asyncio.to_thread(limited.post_modern, "tools/list", token)).is_success
        async with limited.client(token=token) as client:
            with pytest.raises(MCPError, match="streams open"):
                async with client.listen(tools_list_changed=True):
                    pass
    async with websocket(limited, token):
        pass


async def test_get_streams_above_the_quota_are_answered_429(limited: RunningServer, issuer: Issuer):
    token = issuer.token(sub="getter")
    opened = open_session(limited, token)
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "text/event-stream",
        "mcp-session-id": opened.headers["mcp-session-id"],
        "mcp-protocol-version": LATEST_HANDSHAKE_VERSION,
    }
    async with websocket(limited, token), websocket(limited, token):
        answer = limited.get("/mcp", headers=headers)
    assert answer.status_code == 429
    assert answer.json()["error"]


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_above_the_limit_is_answered_413_with_json(
    servers_directory: Path, issuer: Issuer, chunked: bool
):
    with serving(servers_directory, issuer, limits={"max_body_bytes": 10_000}) as server:
        for size, status in ((20_000, 413), (9_000, 200)):
            call = modern_request("tools/call", name="echo", arguments={"text": "x" * size})
            body = json.dumps(call).encode()
            content = iter([body]) if chunked else body
            answer = httpx2.post(
                f"{server.base}/mcp",
                content=content,
                headers={
                    "authorization": f"Bearer {server.token}",
                    "accept": "application/json, text/event-stream",
                    "content-type": "application/json",
                    "mcp-protocol-version": MODERN,
                    "mcp-method": "tools/call",
                    "mcp-name": "echo",
                },
            )
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/json"


@given(
    st.floats(0.5, 50),
    st.integers(0, 30),
    st.lists(st.floats(0, 2), max_size=200),
)
def test_no_window_of_time_holds_more_messages_than_rate_and_burst(
    rate: float, burst: int, pauses: list[float]
):
    clock = [0.0]
    rates = MessageRates(rate, burst, lambda: clock[0])
    accepted: list[float] = []
    for pause in pauses:
        clock[0] += pause
        wait = rates.wait("ada")
        if not wait:
            accepted.append(clock[0])
        else:
            clock[0] += wait + 1e-6
            assert rates.wait("ada") == 0, "after the stated time a message is accepted"
            accepted.append(clock[0])
    for first, begin in enumerate(accepted):
        for last in range(first, len(accepted)):
            span = accepted[last] - begin
            assert last - first + 1 <= burst + 1 + rate * span + 1e-3


def test_users_without_recent_messages_are_removed_from_memory():
    clock = [0.0]
    rates = MessageRates(10, 20, lambda: clock[0])
    for n in range(50_000):
        clock[0] += 0.01
        rates.wait(f"user-{n}")
    assert len(rates.due) <= 10_001


def test_a_user_holds_no_more_bytes_than_some_bodies(dual: RunningServer, issuer: Issuer):
    """Bodies whose last byte does not come; other users are not concerned."""
    token, other = issuer.token(sub="holder"), issuer.token(sub="no-holder")
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        f"Content-Length: {4 * 1024 * 1024}\r\n\r\n"
    )
    refused = dual.metric("mcp_limited_total", limit="bodies")
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", dual.config["server"]["port"])
        held = [stack.enter_context(socket.create_connection(address)) for _ in range(17)]
        for connection in held:
            connection.sendall(head.encode())
        until(lambda: dual.metric("mcp_limited_total", limit="bodies") == refused + 1)
        assert dual.post_modern("tools/list", token).status_code == 429
        assert dual.post_modern("tools/list", other).status_code == 200
    until(lambda: dual.post_modern("tools/list", token).status_code == 200)
