"""The bridge from blocking code to an ASGI application: streaming, time limits, failures."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from starlette.types import Receive, Scope, Send

from runtime.hosts.bridge import PARTS_AHEAD, Bridge, CutError, Request
from tests.harness.server import until

HELLO = Request(method="GET", path="/")


async def start(send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"A", b"1"), (b"Connection", b"close")],
        }
    )


async def piece(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})


def test_a_piece_of_the_body_arrives_before_the_next_is_produced():
    taken = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await piece(send, b"first")
        assert await asyncio.to_thread(taken.wait, 10)
        await piece(send, b"last", last=True)

    answer = Bridge(app).ask(HELLO, 20)
    assert (answer.status, answer.headers) == (200, [("a", "1")])
    assert next(answer.pieces) == b"first"
    taken.set()
    assert answer.body() == b"last"


def test_the_last_piece_follows_the_end_of_the_application():
    ended: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await piece(send, b"all", last=True)
        await asyncio.sleep(0.1)
        ended.append(True)

    assert Bridge(app).ask(HELLO, 20).body() == b"all"
    assert ended == [True]


def test_a_request_that_outlasts_its_time_is_cancelled_and_answered_with_504():
    ended: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    began = time.monotonic()
    answer = Bridge(app).ask(HELLO, 0.1)
    assert answer.status == 504
    assert b"the request took longer than the host allows" in answer.body()
    assert ended == [True]
    assert time.monotonic() - began < 5


def test_an_answer_that_outlasts_its_time_is_cut():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await piece(send, b"first")
        await asyncio.sleep(60)

    answer = Bridge(app).ask(HELLO, 0.2)
    assert next(answer.pieces) == b"first"
    with pytest.raises(CutError, match="longer than the host allows"):
        next(answer.pieces)


def test_a_crash_in_the_middle_is_no_answer():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await piece(send, b"first")
        raise RuntimeError

    with pytest.raises(CutError, match="failed to handle this request") as cut:
        Bridge(app).ask(HELLO, 20).body()
    assert cut.value.status == 500


def test_a_crash_is_answered_with_500_and_the_next_request_is_served():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/crash":
            raise RuntimeError("secret")
        await start(send)
        await piece(send, b"well", last=True)

    bridge = Bridge(app)
    crashed = bridge.ask(Request(method="GET", path="/crash"), 20)
    assert crashed.status == 500
    assert b"secret" not in crashed.body()
    assert bridge.ask(HELLO, 20).body() == b"well"


def test_a_body_and_its_headers_arrive_as_they_were_sent():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        await start(send)
        await piece(send, body + repr(scope["headers"]).encode(), last=True)

    request = Request(method="POST", path="/", headers=[("X-A", "1"), ("x-a", "2")], body=b"in")
    assert Bridge(app).ask(request, 20).body() == b"in[(b'x-a', b'1'), (b'x-a', b'2')]"


def test_cancelled_work_has_ended_when_the_timeout_is_raised():
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)  # last steps, for which it is waited
            ended.append("well")

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        Bridge(_never).run(work(), 0.1)
    assert ended == ["well"]
    assert time.monotonic() - began < 5


def test_work_that_no_time_is_left_for_is_not_left_running():
    bridge = Bridge(_never)
    with pytest.raises(TimeoutError):
        bridge.run(asyncio.sleep(60), -1)

    async def others() -> int:
        return len(asyncio.all_tasks(bridge.loop) - {asyncio.current_task()})

    assert bridge.run(others(), 5) == 1  # the limit of this very work


def test_exceptions_of_the_work_are_raised_to_the_caller():
    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        Bridge(_never).run(work(), 20)


@pytest.mark.parametrize("read", [0, 1])
def test_closing_an_answer_early_cancels_the_application(read: int):
    ended: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await start(send)
            await piece(send, b"first")
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    answer = Bridge(app).ask(HELLO, 20)
    for _ in range(read):
        next(answer.pieces)
    answer.close()
    assert ended == [True]


def test_a_sender_waits_for_a_slow_reader():
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        for number in range(PARTS_AHEAD * 4):
            await piece(send, b"x")
            sent.append(number)
        await piece(send, b"", last=True)

    answer = Bridge(app).ask(HELLO, 20)
    until(lambda: len(sent) >= PARTS_AHEAD)
    next(answer.pieces)
    until(lambda: len(sent) > PARTS_AHEAD)
    assert len(sent) <= PARTS_AHEAD + 1
    assert answer.body() == b"x" * (PARTS_AHEAD * 4 - 1)
    assert len(sent) == PARTS_AHEAD * 4


async def _never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError
