"""What servers record: each call and each refusal, whether the database answers or not."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from websockets.asyncio.client import connect

from runtime.audit import NOT_RECORDED
from tests.harness.audit_log import AuditLog, with_roles
from tests.harness.postgres import HOW_TO_GET, binaries, postgres
from tests.harness.server import ERAS, MODERN, RunningServer, modern_request, serving, until
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer
from tests.harness.user_server import UserServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]
CANARY = "canary-5f0c"
REQUIRED = {"mode": "required"}
KILLS = 20


@pytest.fixture(scope="module")
def log_of_module() -> Generator[AuditLog]:
    with postgres() as database:
        yield with_roles(database)


@pytest.fixture
def log(log_of_module: AuditLog) -> Generator[AuditLog]:
    yield log_of_module
    log_of_module.clear()


def call(server: RunningServer, tool: str = "echo", **arguments: Any) -> httpx2.Response:
    arguments = arguments or {"text": "hi"}
    body = modern_request("tools/call", name=tool, arguments=arguments)
    return server.post(body, version=MODERN, mcp_method="tools/call", mcp_name=tool)


def recorded(log: AuditLog, count: int, columns: str, where: str = "true") -> list[Any]:
    """The rows, once there are as many: outcomes are written after the answer."""
    until(lambda: len(log.rows("seq", where)) >= count, 30)
    found = log.rows(columns, where)
    assert len(found) == count
    return found


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_of_each_era_has_a_row_that_says_who_what_and_from_where(
    log: AuditLog, tmp_path: Path, issuer: Issuer, era: str
):
    with serving(tmp_path, issuer, audit=log.section()) as server:
        token = issuer.token(sub="alice", client_id="desk")
        async with server.client(era, token) as client:
            await client.list_tools()
            await client.call_tool("echo", {"text": CANARY})
            await client.call_tool("fail", {})
        columns = "event, issuer, subject, client_id, address, resource, method, name, server"
        found = recorded(log, 2, f"{columns}, arguments")
        outcomes = recorded(log, 2, "outcome, request_id")
    who = (ISSUER, "alice", "desk", "127.0.0.1", "/mcp", "tools/call")
    assert found == [("call", *who, name, "qudag-mcp-monolith", None) for name in ("echo", "fail")]
    logged = [e["request_id"] for e in server.events("request") if e.get("tool")]
    assert outcomes == [("ok", logged[0]), ("tool_error", logged[1])]


async def test_calls_over_a_websocket_have_a_row_each(
    log: AuditLog, tmp_path: Path, issuer: Issuer
):
    with serving(tmp_path, issuer, audit=log.section(**REQUIRED)) as server:
        url = f"{server.plain.replace('http', 'ws')}/ws"
        bearer = {"authorization": f"Bearer {server.token}"}
        async with connect(url, additional_headers=bearer, proxy=None) as connection:
            for number in range(3):
                body = modern_request("tools/call", name="echo", arguments={"text": "hi"})
                await connection.send(json.dumps(body | {"id": number}))
                assert "result" in json.loads(await connection.recv())
        columns = "method, name, subject"
        assert recorded(log, 3, columns, "event = 'call'") == [("tools/call", "echo", "ada")] * 3
        assert recorded(log, 3, "outcome", "event = 'outcome'") == [("ok",)] * 3


async def test_a_call_of_a_tool_of_another_server_has_one_row(
    log: AuditLog, tmp_path: Path, issuer: Issuer, modern_weather: UserServer
):
    entries: list[Any] = [modern_weather.entry("weather", era="modern")]
    with serving(tmp_path, issuer, tool_servers=entries, audit=log.section()) as server:
        async with server.client() as client:
            tools = (await client.list_tools()).tools
            name = next(tool.name for tool in tools if tool.name.startswith("weather__"))
            await client.call_tool(name, {"city": "Oslo"})
        assert recorded(log, 1, "name") == [(name,)]


def test_refusals_of_a_server_are_recorded_with_their_reason(
    log: AuditLog, tmp_path: Path, issuer: Issuer
):
    auth: dict[str, Any] = {
        "issuer": ISSUER,
        "additional_audiences": [AUDIENCE],
        "jwks_file": str(issuer.jwks_file),
        "required_scopes": ["base"],
    }
    with serving(tmp_path, issuer, auth=auth, audit=log.section(**REQUIRED)) as server:
        body = modern_request("tools/list")
        server.post(body, token=None, version=MODERN)
        server.post(body, token=issuer.token(sub="eve", exp=1), version=MODERN)
        server.post(body, token=issuer.token(sub="bob"), version=MODERN)
        server.post(body, token=f"{CANARY}.{CANARY}", version=MODERN)
        server.get("/ws")
        found = recorded(log, 5, "event, status, subject, reason, outcome, method")
    assert [row[:3] for row in found] == [
        ("refusal", 401, None),
        ("refusal", 401, None),
        ("refusal", 403, "bob"),
        ("refusal", 401, None),
        ("refusal", found[4][1], None),
    ]
    assert [str(row[3]).partition(":")[0] for row in found[:3]] == [
        "a bearer token is required",
        "invalid_token",
        "insufficient_scope",
    ]
    assert CANARY not in str(log.rows("*"))


def test_refused_calls_are_recorded_once(log: AuditLog, tmp_path: Path, issuer: Issuer):
    limits = {"messages_per_second": 1, "burst": 0}
    with serving(tmp_path, issuer, audit=log.section(), limits=limits) as server:
        assert "error" in call(server, CANARY).text
        statuses = Counter(call(server).status_code for _ in range(20))
        assert statuses[429]
        rest = statuses[200]
        found = recorded(log, 21, "event, status, name, outcome")
    assert found[0] == ("call", None, None, "refused")
    assert Counter(row[0] for row in found[1:]) == Counter(
        {"refusal": statuses[429], "call": rest} if rest else {"refusal": 20}
    )
    assert {row[1] for row in found if row[0] == "refusal"} == {429}


def test_no_token_and_no_argument_is_in_a_row(log: AuditLog, tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, audit=log.section(**REQUIRED)) as server:
        call(server, text=CANARY)
        call(server, "fail", reason=CANARY)
        recorded(log, 4, "seq")
        assert CANARY not in str(log.rows("*"))
        assert server.token not in str(log.rows("*"))


def test_arguments_are_recorded_if_asked_for(log: AuditLog, tmp_path: Path, issuer: Issuer):
    section = log.section(arguments=True, **REQUIRED)
    with serving(tmp_path, issuer, audit=section) as server:
        call(server, text="ü\0\ud800")
        found = recorded(log, 2, "event, arguments")
    assert found == [("call", '{"text": "ü\\u0000?"}'), ("outcome", None)]


def test_answers_about_other_servers_have_a_row_each_and_are_not_cached(
    log: AuditLog, tmp_path: Path, issuer: Issuer
):
    path = "/servers/weather/mcp"
    auth = {
        "issuer": ISSUER,
        "resource_url": "https://mcp.example.com/mcp",
        "jwks_file": str(issuer.jwks_file),
    }
    token = issuer.token(aud=f"https://mcp.example.com{path}", sub="alice")
    sent = {"x-resource-path": path, "authorization": f"Bearer {token}"}
    named = {"mcp-method": "tools/call", "mcp-name": "forecast"}
    with serving(
        tmp_path,
        issuer,
        auth=auth,
        protected_resources=[{"path": path}],
        audit=log.section(**REQUIRED),
    ) as server:
        answer = server.get("/authorize", headers=sent | named)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        server.get("/authorize", headers=sent)
        server.get("/authorize", headers={"x-resource-path": path})
        columns = "event, subject, resource, method, name, outcome, status"
        assert recorded(log, 3, columns) == [
            ("call", "alice", path, "tools/call", "forecast", "admitted", None),
            ("call", "alice", path, None, None, "admitted", None),
            ("refusal", None, path, None, None, "refused", 401),
        ]
        log.database.kill()
        assert server.get("/authorize", headers=sent).status_code == 503
        log.database.start()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_thousand_calls_are_a_thousand_rows(
    log: AuditLog, tmp_path: Path, issuer: Issuer, workers: int
):
    section = {"workers": workers} if workers > 1 else {}
    with serving(
        tmp_path,
        issuer,
        server=section,
        protocol={"era": "modern", "longest_tool_seconds": 30, "drain_seconds": 32},
        audit=log.section(wait_seconds=30, **REQUIRED),
    ) as server:
        await load(server, 1000)
        found = recorded(log, 1000, "call_id", "event = 'call'")
        assert len(set(found)) == 1000
        ended = recorded(log, 1000, "call_id, outcome", "event = 'outcome'")
        assert set(ended) == {(call_id, "ok") for (call_id,) in found}
        assert server.metric("mcp_audit_rows_total") == 2000
        assert server.metric("mcp_audit_seq") == 2000
        server.terminate()
        server.exit_status()
        heads = {e["seq"]: e["hash"] for e in server.events("audit_head")}
    assert 2000 in heads
    assert log.keeper().verify(heads).startswith("2000 rows, from 1 to 2000;")


async def load(server: RunningServer, count: int, at_once: int = 20) -> list[float]:
    """Call `echo` this often; returns the seconds that the calls took."""
    seconds: list[float] = []
    body = modern_request("tools/call", name="echo", arguments={"text": "hi"})
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {server.token}",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "echo",
    }

    async def some(calls: int) -> None:
        async with httpx2.AsyncClient(verify=server.verify, timeout=60) as http:
            for _ in range(calls):
                started = time.perf_counter()
                answer = await http.post(f"{server.base}/mcp", json=body, headers=headers)
                seconds.append(time.perf_counter() - started)
                assert '"isError":false' in answer.text.replace(" ", ""), answer.text

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(some, count // at_once)
    return seconds


async def test_a_call_that_cannot_be_recorded_is_refused_and_not_run(
    log: AuditLog, tmp_path: Path, issuer: Issuer
):
    section = log.section(wait_seconds=1, **REQUIRED)
    database = log.database.section()
    with serving(tmp_path, issuer, audit=section, database=database) as server:
        log.migrate()
        async with server.client() as client:
            await client.call_tool("remember", {"name": "a", "text": "before"})
            with log.database.connect() as connection:
                connection.execute("ALTER ROLE qudag_audit NOLOGIN")
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE usename = 'qudag_audit'"
                )
            try:
                for tool in ("remember", "recall"):
                    with pytest.raises(MCPError, match=NOT_RECORDED):
                        await client.call_tool(tool, {"name": "a", "text": "after"})
            finally:
                with log.database.connect() as connection:
                    connection.execute("ALTER ROLE qudag_audit LOGIN")
            await client.call_tool("recall", {"name": "a"})
        assert server.metric("mcp_audit_refused_total") == 2
        outcomes = recorded(log, 4, "outcome", "event = 'outcome'")
    with log.database.connect() as connection:
        assert connection.execute("SELECT text FROM memories").fetchall() == [("before",)]
    assert Counter(outcomes) == {("ok",): 2, ("not_recorded",): 2}


def test_a_call_goes_on_without_a_row_where_that_is_allowed(
    log: AuditLog, tmp_path: Path, issuer: Issuer
):
    section = log.section(mode="best-effort", most_waiting=3)
    with serving(tmp_path, issuer, audit=section) as server:
        log.database.kill()
        for _ in range(8):
            assert "hi" in call(server).text
        until(lambda: server.metric("mcp_audit_lost_total") >= 1)
        log.database.start()
        until(lambda: server.metric("mcp_audit_waiting") == 0)
        lost = server.metric("mcp_audit_lost_total", reason="full")
        assert len(recorded(log, 8 - int(lost), "seq")) >= 3
        assert sum(e["rows"] for e in server.events("audit_rows_lost")) == lost


def test_no_call_is_answered_without_a_row_while_the_database_is_killed(
    log: AuditLog, tmp_path: Path, issuer: Issuer
):
    """The database is killed at random moments; each answered call must be in the log after it."""
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    answered: list[str] = []
    refused: list[str] = []
    stop = threading.Event()
    section = log.section(wait_seconds=1, **REQUIRED)
    with serving(tmp_path, issuer, audit=section) as server:
        callers = [
            threading.Thread(target=keep_calling, args=(server, n, stop, answered, refused))
            for n in range(4)
        ]
        for caller in callers:
            caller.start()
        try:
            for _ in range(KILLS):
                time.sleep(moments.uniform(0.05, 0.4))
                log.database.kill()
                log.database.start()
        finally:
            stop.set()
            for caller in callers:
                caller.join()
        until(lambda: server.metric("mcp_audit_waiting") == 0, 30)
    rows = log.rows("request_id", "event = 'call'")
    there = {request_id for (request_id,) in rows}
    assert len(answered) >= KILLS, seed
    assert set(answered) - there == set(), seed
    assert len(rows) == len(there), seed
    ended = log.rows("request_id, outcome", "event = 'outcome'")
    assert set(answered) <= {request for request, outcome in ended if outcome == "ok"}, seed
    assert log.keeper().verify({})
    print(f"{KILLS} kills: {len(answered)} answered, {len(refused)} refused, {len(rows)} rows")


def keep_calling(
    server: RunningServer,
    number: int,
    stop: threading.Event,
    answered: list[str],
    refused: list[str],
) -> None:
    body = modern_request("tools/call", name="echo", arguments={"text": "hi"})
    count = 0
    while not stop.is_set():
        count += 1
        request = f"t{number}-{count}"
        with contextlib.suppress(httpx2.TransportError):
            answer = server.post(
                body,
                version=MODERN,
                mcp_method="tools/call",
                mcp_name="echo",
                x_request_id=request,
            )
            (answered if '"result"' in answer.text else refused).append(request)
