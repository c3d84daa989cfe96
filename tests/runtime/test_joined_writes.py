"""Heads and bodies leave the server in one piece, in order, in the same turn of the loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from itertools import pairwise

import h11
import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from runtime.connections import NOT_BEGUN, TimedConnection
from runtime.http_listener import Listener
from runtime.joined_writes import HELD_BYTES, JoinedWrites
from runtime.limits_config import LimitsSection
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer


class Wire(asyncio.Transport):
    """A transport that records what reaches the network."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


@pytest.fixture
async def wire() -> Wire:
    return Wire()


def joined(wire: Wire) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())


async def test_a_head_and_its_body_are_one_write(wire: Wire):
    transport = joined(wire)
    transport.write(b"head")
    transport.write(b"")
    transport.write(b"body")
    assert wire.sent == [b"headbody"]


async def test_a_write_that_stays_alone_is_sent_in_the_same_turn(wire: Wire):
    joined(wire).write(b"event")
    await asyncio.sleep(0)
    assert wire.sent == [b"event"]


async def test_a_head_of_a_later_response_is_sent_too(wire: Wire):
    transport = joined(wire)
    for _ in range(3):
        transport.write(b"head")
        transport.write(b"body")
        transport.write(b"event")
        await asyncio.sleep(0)
    assert wire.sent == [b"headbody", b"event"] * 3


async def test_bytes_keep_their_order_whatever_their_length(wire: Wire):
    transport = joined(wire)
    pieces = [bytes([65 + n]) * size for n, size in enumerate([1, HELD_BYTES + 1, 0, 5, 7, 3])]
    for piece in pieces:
        transport.write(piece)
    transport.close()
    assert b"".join(wire.sent) == b"".join(pieces)


async def test_no_more_than_a_short_write_is_ever_held(wire: Wire):
    transport = joined(wire)
    written = 0
    for size in (1, 4000, HELD_BYTES, HELD_BYTES, HELD_BYTES + 1, 10, 10, 10):
        transport.write(b"x" * size)
        written += size
        assert written - sum(map(len, wire.sent)) <= HELD_BYTES


async def test_what_is_held_is_sent_before_the_connection_closes_or_changes_hands(wire: Wire):
    transport = joined(wire)
    transport.write(b"101")
    assert transport.released() is wire
    assert wire.sent == [b"101"]
    transport.write(b"last")
    transport.close()
    assert (wire.sent, wire.closing) == ([b"101", b"last"], True)


async def test_nothing_is_written_to_a_closed_connection(wire: Wire):
    joined(wire).write(b"late")
    wire.closing = True
    await asyncio.sleep(0)
    assert wire.sent == []


REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connected(listener: Listener, wire: Wire) -> TimedConnection:
    """A new connection of the listener."""
    if not listener.config.loaded:
        listener.config.load()
    connection = TimedConnection(
        listener.limits,
        listener.arrivals,
        config=listener.config,
        server_state=listener.server_state,
        app_state={},
    )
    connection.connection_made(wire)
    return connection


async def test_the_server_sends_a_whole_answer_in_one_write(wire: Wire):
    listener = Listener(PlainTextResponse("hello"), LimitsSection(), None)
    connection = connected(listener, wire)
    connection.data_received(REQUEST)
    await asyncio.gather(*listener.server_state.tasks)
    (answer,) = wire.sent
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nhello")
    connection.connection_lost(None)


@pytest.mark.parametrize("last", [1, HELD_BYTES - 15, HELD_BYTES - 9, HELD_BYTES, 3 * HELD_BYTES])
async def test_a_stream_that_ends_with_its_server_says_so_in_the_write_of_its_end(
    wire: Wire, last: int
):
    """The head of the response says that the connection stays open; a proxy must not use it."""
    ending = asyncio.Event()

    async def events() -> AsyncGenerator[bytes]:
        yield b"first"
        await ending.wait()
        yield b"x" * last

    listener = Listener(StreamingResponse(events()), LimitsSection(), None)
    connection = connected(listener, wire)
    connection.data_received(REQUEST)
    async with asyncio.timeout(5):
        while b"first" not in b"".join(wire.sent):
            await asyncio.sleep(0)
    listener.end_connections()
    ending.set()
    await asyncio.gather(*listener.server_state.tasks)
    assert b"connection: close" not in wire.sent[0].lower()
    assert wire.sent[-1].endswith(b"0\r\n\r\n" + NOT_BEGUN)
    assert wire.closing
    connection.connection_lost(None)


async def test_a_connection_in_use_stays_open_and_an_unused_one_says_that_nothing_has_begun():
    answered = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await answered.wait()
        await PlainTextResponse("late")(scope, receive, send)

    listener = Listener(late, LimitsSection(), None)
    used, unused = Wire(), Wire()
    connected(listener, used).data_received(REQUEST)
    connected(listener, unused)
    assert listener.has_unused_connections()
    listener.close_unused_connections()
    assert (unused.sent, unused.closing) == ([NOT_BEGUN], True)
    assert (used.sent, used.closing) == ([], False)
    answered.set()
    await asyncio.gather(*listener.server_state.tasks)
    assert b"late" in used.sent[0]


def test_a_request_that_is_not_begun_can_be_repeated():
    """RFC 9110, section 15.5.9: 408, and the connection closes."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(NOT_BEGUN)
    head, body = client.next_event(), client.next_event()
    assert isinstance(head, h11.Response)
    assert isinstance(body, h11.Data)
    assert head.status_code == 408
    assert "send it again" in json.loads(bytes(body.data))["error"]["message"]
    assert isinstance(client.next_event(), h11.EndOfMessage)
    assert client.their_state is h11.MUST_CLOSE


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    with serving(tmp_path_factory.mktemp("plain"), issuer) as server:
        yield server


async def test_pipelined_answers_arrive_in_order(plain: RunningServer):
    reader, writer = await asyncio.open_connection("127.0.0.1", plain.config["server"]["port"])
    asked = [f"id-{number}" for number in range(5)]
    last = "Connection: close\r\n"
    for name in asked:
        end = last if name == asked[-1] else ""
        head = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: {name}\r\n{end}\r\n"
        writer.write(head.encode())
    async with asyncio.timeout(10):
        said = (await reader.read()).decode()
    writer.close()
    places = [said.index(f"x-request-id: {name}") for name in asked]
    assert all(before < after for before, after in pairwise(places))
    assert said.count("HTTP/1.1 200") == len(asked)
