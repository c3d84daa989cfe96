"""Limits and checks for the items that a federating server takes from other servers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import pytest
from mcp.server.auth.provider import AccessToken
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from runtime.config import ServerConfig
from runtime.federation import connections, failures, kinds, lists
from runtime.federation.callers import Caller
from runtime.federation.federation import Federation, Member
from runtime.federation.kinds import PROMPTS, RESOURCES, TOOLS, Kind
from runtime.federation.upstream import Asked
from runtime.metrics import Metrics
from runtime.tool_servers_config import ToolServerSection
from tests.harness.server import MODERN, free_port
from tests.harness.user_server import UserServer, running

pytestmark = pytest.mark.slow

ANYBODY = Caller(token=None, headers={}, meta={}, version=MODERN)
Result = Callable[[dict[str, Any]], Any]


def tool(name: Any = "one", **fields: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, **fields}


class Scripted:
    """An ASGI application that answers every request with what `result` gives for its params."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        message = json.loads(await Request(scope, receive).body())
        self.asked.append(message)
        given = self.result(message.get("params", {}))
        if not isinstance(given, Response):
            given = JSONResponse({"jsonrpc": "2.0", "id": message.get("id"), "result": given})
        await given(scope, receive, send)


def page(*items: Any, kind: Kind = TOOLS, **fields: Any) -> dict[str, Any]:
    return {kind.key: list(items), "resultType": "complete", **fields}


@contextlib.asynccontextmanager
async def listing(
    result: Result, **fields: Any
) -> AsyncGenerator[tuple[Member, Scripted, UserServer]]:
    scripted = Scripted(result)
    with running(scripted) as server:
        entry = server.entry("weather", **{"era": "modern", **fields})
        section = ToolServerSection.model_validate(entry)
        federation = Federation([section], "core", Metrics(ServerConfig()))
        try:
            yield federation.members["weather"], scripted, server
        finally:
            await federation.aclose()


async def names(member: Member, kind: Kind = TOOLS) -> list[str]:
    offer = await member.lists.of(kind, ANYBODY)
    return [item[kind.identity] for item in offer.items]


UNUSABLE: dict[str, Any] = {
    "no object": "text",
    "no name": {"inputSchema": {"type": "object"}},
    "a name with a space": tool("two words"),
    "a name of 129 characters": tool("a" * 129),
    "a name that is no text": tool(7),
    "no schema": {"name": "two"},
    "a schema that is no object": tool("two", inputSchema=[]),
    "a schema of another type": tool("two", inputSchema={"type": "string"}),
    "a schema that is no JSON Schema": tool("two", inputSchema={"type": "object", "required": 1}),
    "a description that is no text": tool("two", description={}),
    "a schema with thousands of parts": tool(
        "two", inputSchema={"type": "object", "allOf": [{}] * 15_000}
    ),
    "a large item": tool("two", description="a" * kinds.LARGEST_ITEM),
    "a deep item": tool("two", _meta=json.loads('{"a":' * 40 + "1" + "}" * 40)),
}


@pytest.mark.parametrize("item", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_tool_that_clients_could_not_use_is_left_out_and_the_others_stay(item: Any):
    async with listing(lambda _: page(tool("one"), item, tool("three"))) as (member, _, _):
        assert await names(member) == ["weather__one", "weather__three"]


async def test_a_user_server_cannot_offer_tools_in_the_name_of_others():
    stolen = [tool("state__remember"), tool("echo"), tool("weather__echo"), tool("_x")]
    async with listing(lambda _: page(*stolen)) as (member, _, _):
        offered = await names(member)
    assert offered == [f"weather__{item['name']}" for item in stolen]


async def test_a_name_that_is_listed_twice_is_offered_once():
    twice = page(tool("one", description="first"), tool("one", description="second"))
    async with listing(lambda _: twice) as (member, _, _):
        (item,) = (await member.lists.of(TOOLS, ANYBODY)).items
    assert item["description"] == "first"


async def test_a_long_name_is_shortened_to_one_of_its_own_and_found_again():
    long = ["a" * 100 + end for end in ("b", "c")]
    async with listing(lambda _: page(*map(tool, long))) as (member, _, _):
        offer = await member.lists.of(TOOLS, ANYBODY)
    assert [len(name) for name in offer.names] == [64, 64]
    assert all(name.startswith("weather__aaa") for name in offer.names)
    assert list(offer.names.values()) == long


async def test_pages_are_put_together():
    def result(params: dict[str, Any]) -> Any:
        return page(tool("two")) if params.get("cursor") else page(tool("one"), nextCursor="x")

    async with listing(result) as (member, _, _):
        assert await names(member) == ["weather__one", "weather__two"]


async def test_a_list_without_an_end_is_cut(caplog: pytest.LogCaptureFixture):
    count = iter(range(1_000_000))

    def result(_: dict[str, Any]) -> Any:
        return page(tool(f"tool{next(count)}"), nextCursor="more")

    with caplog.at_level("INFO"):
        async with listing(result) as (member, scripted, _):
            assert len(await names(member)) == lists.MOST_PAGES
    assert len(scripted.asked) == lists.MOST_PAGES
    assert any(r.message == "tool_server_list" for r in caplog.records)


async def test_a_list_that_is_too_long_is_cut():
    many = [tool(f"tool{number}") for number in range(lists.MOST_ITEMS + 1)]
    async with listing(lambda _: page(*many)) as (member, _, _):
        assert len(await names(member)) == lists.MOST_ITEMS


def listed(default: bytes) -> Response:
    """A list of one tool, with this JSON in its schema."""
    schema = b'{"type":"object","default":%s}' % default
    text = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"one","inputSchema":%s}]}}' % schema
    return Response(text, media_type="application/json")


INVALID: dict[str, Callable[[], Response]] = {
    "no JSON": lambda: Response("{", media_type="application/json"),
    "NaN": lambda: Response(
        '{"jsonrpc":"2.0","id":1,"result":{"tools":[],"x":NaN}}', media_type="application/json"
    ),
    "an infinite number": lambda: listed(rb'{"x":1e999}'),
    "half of a surrogate pair": lambda: listed(rb'"\ud800"'),
    "half of a surrogate pair in a name": lambda: listed(rb'{"\uDFFF":1}'),
    "half of a surrogate pair as bytes": lambda: listed(b'"\xed\xa0\x80"'),
    "nested without end": lambda: Response("[" * 100_000, media_type="application/json"),
    "a page of HTML": lambda: Response("<p>", media_type="text/html"),
    "a redirect": lambda: Response(status_code=307, headers={"location": "http://127.0.0.1:1/"}),
    "compressed": lambda: Response(
        b"x", media_type="application/json", headers={"content-encoding": "gzip"}
    ),
    "no list": lambda: JSONResponse({"jsonrpc": "2.0", "id": 1, "result": {"tools": "all"}}),
    "an event that is no message": lambda: Response("data: 1\n\n", media_type="text/event-stream"),
    "a stream that ends": lambda: Response(": hello\n\n", media_type="text/event-stream"),
    "an internal error": lambda: Response(status_code=500),
}


@pytest.mark.parametrize("answer", INVALID.values(), ids=INVALID)
async def test_a_server_that_gives_no_valid_list_offers_nothing(answer: Callable[[], Response]):
    async with listing(lambda _: answer()) as (member, _, _):
        assert await names(member) == []


@pytest.mark.parametrize("default", [rb'"\ud83d\ude00"', '"😀"'.encode(), rb'"\\ud800"', b"1e300"])
async def test_text_and_numbers_that_clients_can_read_are_offered(default: bytes):
    async with listing(lambda _: listed(default)) as (member, _, _):
        assert await names(member) == ["weather__one"]


@pytest.mark.parametrize(("allowed", "offered"), [(100_000, []), (1_000_000, ["weather__one"])])
async def test_an_answer_that_is_too_large_is_not_read(
    monkeypatch: pytest.MonkeyPatch, allowed: int, offered: list[str]
):
    monkeypatch.setattr(connections, "LARGEST_ANSWER", allowed)
    text = json.dumps({"jsonrpc": "2.0", "id": 1, "result": page(tool("one"))}) + " " * 200_000
    answer = Response(text, media_type="application/json")
    async with listing(lambda _: answer) as (member, _, _):
        assert await names(member) == offered


async def test_a_server_that_does_not_list_in_time_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lists, "LIST_WITHIN_SECONDS", 0.2)

    async def silence() -> AsyncGenerator[bytes]:
        yield b" "
        await anyio.sleep(30)

    def answer(_: dict[str, Any]) -> Response:
        return StreamingResponse(silence(), media_type="application/json")

    async with listing(answer) as (member, scripted, _):
        with anyio.fail_after(10):
            assert await names(member) == []
            assert await names(member) == []
    assert len(scripted.asked) == 1, "it is not asked again at once"


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [({}, 30), ({"ttlMs": 0}, 30), ({"ttlMs": 90_000}, 90), ({"ttlMs": 10**12}, 300)],
)
async def test_a_list_is_kept_for_its_ttl(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, Any], seconds: float
):
    passed = 0.0
    now = anyio.current_time
    monkeypatch.setattr(lists.anyio, "current_time", lambda: now() + passed)
    async with listing(lambda _: page(tool("one"), **stated)) as (member, scripted, _):
        for later, asked in ((0, 1), (seconds - 5, 1), (seconds + 5, 2)):
            passed = later
            assert await names(member) == ["weather__one"]
            assert len(scripted.asked) == asked


@pytest.mark.parametrize(("scope", "asked"), [("private", 2), ("public", 1)])
async def test_a_list_is_shared_between_callers_only_if_it_is_public(scope: str, asked: int):
    callers = [
        Caller(AccessToken(token="", client_id="c", scopes=[], subject=sub), {}, {}, MODERN)
        for sub in ("ada", "bob", "ada")
    ]
    async with listing(lambda _: page(tool("one"), cacheScope=scope)) as (member, scripted, _):
        for caller in callers:
            await member.lists.of(TOOLS, caller)
    assert len(scripted.asked) == asked


async def test_a_server_whose_list_is_slow_to_check_is_left_out_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
):
    """Its list would delay that of all servers for every caller."""
    monkeypatch.setattr(lists, "CHECK_SECONDS", 0.5)
    slow: dict[str, Any] = {"type": "object", "allOf": [{}] * 3_500}
    count = iter(range(1000))

    def result(_: Any) -> Any:
        return page(*(tool(f"t{next(count)}", inputSchema=slow) for _ in range(20)))

    async with listing(result) as (member, scripted, _):
        began = time.process_time()
        for _ in range(3):
            assert await names(member) == []
        assert time.process_time() - began < 5
        assert len(scripted.asked) == 1


async def test_what_is_kept_of_changing_lists_is_limited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lists, "KEPT_BYTES", 100_000)
    count = iter(range(1000))

    def result(_: Any) -> Any:
        return page(*(tool(f"t{next(count)}", description="a" * 10_000) for _ in range(4)))

    async with listing(result) as (member, _, _):
        for _ in range(4):
            await names(member)
            member.lists.forget(TOOLS)
        newest = await names(member)
        kept = member.lists.known[TOOLS.key]
        assert len(kept) == 9
        assert set(newest) <= set(kept)


async def test_uris_name_the_server_in_their_scheme():
    items = [{"uri": "file:///map", "name": "map"}, {"uri": "no uri", "name": "bad"}]
    async with listing(lambda _: page(*items, kind=RESOURCES)) as (member, _, _):
        assert await names(member, RESOURCES) == ["weather+file:///map"]


async def test_a_server_without_prompts_offers_none_and_is_not_left_out():
    def result(_: dict[str, Any]) -> Any:
        error = {"code": -32601, "message": "Method not found"}
        return JSONResponse({"jsonrpc": "2.0", "id": 1, "error": error}, 404)

    async with listing(result) as (member, _, _):
        assert await names(member, PROMPTS) == []
        assert member.upstream.answered


async def test_a_server_that_does_not_answer_is_asked_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
):
    passed = 0.0
    now = anyio.current_time
    monkeypatch.setattr(failures.anyio, "current_time", lambda: now() + passed)
    async with listing(lambda _: page(tool("one"))) as (member, _, server):
        ask = Asked("tools/list", {}, ANYBODY)
        server.status = 502
        for _ in range(failures.FAILURES_IN_A_ROW):
            with pytest.raises(failures.UnreachableError):
                await member.upstream.send(ask)
        before = len(server.requests)
        with pytest.raises(failures.CircuitOpenError, match="does not answer"):
            await member.upstream.send(ask)
        assert len(server.requests) == before, "an open breaker asks nothing"
        passed = failures.OPEN_SECONDS + 1
        with pytest.raises(failures.UnreachableError):
            await member.upstream.send(ask)
        with pytest.raises(failures.CircuitOpenError):
            await member.upstream.send(ask)
        passed *= 2
        server.status = None
        await member.upstream.send(ask)
        server.status = 502
        with pytest.raises(failures.UnreachableError):
            await member.upstream.send(ask)


async def test_a_server_that_refuses_connections_is_left_out_of_lists():
    section = ToolServerSection(name="weather", url=f"http://127.0.0.1:{free_port()}/mcp")
    federation = Federation([section], "core", Metrics(ServerConfig()))
    assert await names(federation.members["weather"]) == []
    await federation.aclose()


async def test_a_half_open_circuit_breaker_admits_one_request(
    monkeypatch: pytest.MonkeyPatch,
):
    passed = 0.0
    now = anyio.current_time
    monkeypatch.setattr(failures.anyio, "current_time", lambda: now() + passed)
    breaker = failures.CircuitBreaker("weather")
    for _ in range(failures.FAILURES_IN_A_ROW):
        breaker.admit()
        breaker.failed()
    passed = failures.OPEN_SECONDS + 1
    breaker.admit()
    with pytest.raises(failures.CircuitOpenError):
        breaker.admit()
    breaker.answered()
    breaker.admit()
