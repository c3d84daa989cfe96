"""The forwarder answers so that the collector drops no line that can be stored later."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import tomli_w

from components.observability.log_pipeline import JSON_GROWTH, LARGEST_BATCH, LONGEST_LINE
from runtime import log_forwarder
from runtime.log_forwarder import LARGEST_REQUEST, MAX_LOGGED_FAILURES, Forwarder
from tests.harness.apiserver import ROOT
from tests.harness.server import free_port, until
from tests.harness.store_answers import Answers, Handler, answering, client_of, store_section

STORED: Final = {"items": [{"create": {"status": 201}}]}


def otlp(*texts: str) -> bytes:
    """A request with these lines."""
    index = {"key": "log.index", "value": {"stringValue": "logs"}}
    records = [{"timeUnixNano": "1", "body": {"stringValue": text}} for text in texts]
    resource = {"resource": {"attributes": [index]}, "scopeLogs": [{"logRecords": records}]}
    return json.dumps({"resourceLogs": [resource]}).encode()


def bulk(answer: Handler) -> Handler:
    """A store that has both streams, and answers bulk requests so."""
    return lambda asked: answer(asked) if asked.method == "POST" else httpx2.Response(200, json={})


async def sent(forwarder: Forwarder, body: bytes) -> httpx2.Response:
    transport = httpx2.ASGITransport(forwarder.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://forwarder") as http:
        return await http.post("/v1/logs", content=body)


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the events that the forwarder logs, however the process writes them."""
    names: list[str] = []

    def event(name: str, *_: object, **__: object) -> None:
        names.append(name)

    monkeypatch.setattr(log_forwarder, "event", event)
    return names


def page(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, text="<html>please sign in</html>")


@pytest.mark.parametrize("handler", [page, bulk(page)])
async def test_lines_wait_while_a_proxy_answers_in_place_of_the_store(
    handler: Handler, tmp_path: Path
):
    assert (await sent(Forwarder(client_of(handler, tmp_path)), otlp("a"))).status_code == 503


async def test_lines_wait_after_an_exception_of_our_own(tmp_path: Path, caught: list[str]):
    def fails(_: httpx2.Request) -> httpx2.Response:
        raise ZeroDivisionError("a line")

    answer = await sent(Forwarder(client_of(fails, tmp_path)), otlp("a"))
    assert (answer.status_code, answer.json()) == (503, {"message": "ZeroDivisionError"})
    assert caught.count("storing_failed") == 1


async def test_lines_wait_if_the_store_has_not_answered_before_the_collector_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caught: list[str]
):
    monkeypatch.setattr(log_forwarder, "ANSWER_SECONDS", 0.1)

    async def waits(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(30)
        raise AssertionError

    client = client_of(page, tmp_path)
    client.http = httpx2.AsyncClient(
        base_url="https://search.example.com/", transport=httpx2.MockTransport(waits)
    )
    forwarder = Forwarder(client)
    for _ in range(2):
        assert (await sent(forwarder, otlp("a"))).status_code == 503
    # A store that answers each request in time may be too slow for all of them.
    assert forwarder.metrics.registry.get_sample_value("mcp_log_store_up") == 0
    assert caught == ["store_unavailable"]


async def test_a_client_that_sends_its_lines_slowly_says_nothing_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caught: list[str]
):
    monkeypatch.setattr(log_forwarder, "ANSWER_SECONDS", 0.1)
    forwarder = Forwarder(client_of(page, tmp_path))
    answered: list[int] = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(30)
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/logs", "headers": []}
    await forwarder.app(scope, receive, send)
    assert answered == [503]
    assert forwarder.metrics.registry.get_sample_value("mcp_log_store_up") == 1
    assert caught == []


@pytest.mark.parametrize(
    "record", ['"timeUnixNano":"9' + "9" * 30 + '"', '"severityNumber":Infinity']
)
async def test_a_malformed_line_is_refused(tmp_path: Path, record: str):
    body = otlp("a").replace(b'"timeUnixNano": "1"', record.encode())
    assert (await sent(Forwarder(client_of(page, tmp_path)), body)).status_code == 400


async def test_a_request_that_is_too_large_for_the_store_is_sent_in_halves(tmp_path: Path):
    stored: list[str] = []

    def small_ones(asked: httpx2.Request) -> httpx2.Response:
        if len(asked.content) > 300:
            return httpx2.Response(413, text="<html>")
        lines = asked.content.splitlines()[1::2]
        stored.extend(json.loads(line)["message"] for line in lines)
        return httpx2.Response(200, json={"items": STORED["items"] * len(lines)})

    forwarder = Forwarder(client_of(bulk(small_ones), tmp_path))
    texts = [f"line {n}" for n in range(20)]
    assert (await sent(forwarder, otlp(*texts))).status_code == 200
    assert stored == texts
    stored.clear()
    answer = await sent(forwarder, otlp(*texts, "x" * 400))
    assert (answer.status_code, answer.json()) == (400, {"message": "1 lines are refused"})
    assert stored == texts


def refused(n: int) -> httpx2.Response:
    error = {"type": f"kind {n}", "reason": "a line"}
    return httpx2.Response(200, json={"items": [{"create": {"status": 400, "error": error}}]})


@pytest.mark.parametrize("differs", [False, True])
async def test_a_failure_is_not_logged_for_each_request(
    tmp_path: Path, caught: list[str], differs: bool
):
    """The forwarder's own lines are collected: each would be followed by another."""
    numbers = iter(range(1000))

    def refuses(_: httpx2.Request) -> httpx2.Response:
        n = next(numbers)
        return refused(n if differs else 0)

    forwarder = Forwarder(client_of(bulk(refuses), tmp_path))
    for _ in range(20):
        assert (await sent(forwarder, otlp("a"))).status_code == 400
        assert (await sent(forwarder, b"{")).status_code == 400
    assert caught.count("lines_refused") == (MAX_LOGGED_FAILURES if differs else 1)
    assert caught.count("lines_malformed") == 1


async def test_a_store_that_refuses_every_second_request_is_not_logged_for_each(
    tmp_path: Path, caught: list[str]
):
    numbers = iter(range(1000))

    def changes(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(429 if next(numbers) % 2 == 0 else 200, json=STORED)

    forwarder = Forwarder(client_of(bulk(changes), tmp_path))
    answers = [(await sent(forwarder, otlp("a"))).status_code for _ in range(20)]
    assert answers == [503, 200] * 10
    assert caught.count("store_unavailable") == caught.count("store_available") == 1


def test_the_forwarder_takes_every_batch_of_a_collector_and_a_batch_every_line():
    """A line can have its text twice: as the message, and as the field that it is from."""
    assert LARGEST_BATCH * JSON_GROWTH <= LARGEST_REQUEST
    assert LONGEST_LINE * 2 < LARGEST_BATCH


@dataclass
class Program:
    """The real program, and the store that it writes to."""

    process: subprocess.Popen[bytes]
    answers: Answers
    port: int

    def send(self) -> httpx2.Response:
        url, trust = f"https://localhost:{self.port}/v1/logs", self.answers.authority.trust()
        return httpx2.post(url, content=otlp("a"), verify=trust, timeout=30)

    def accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@pytest.fixture
def program(tmp_path: Path) -> Generator[Program]:
    port = free_port()
    with answering(tmp_path) as answers:
        certificate, key = answers.authority.issue("forwarder")
        listen = {"host": "127.0.0.1", "port": port, "cert": str(certificate), "key": str(key)}
        config = tmp_path / "forwarder.toml"
        config.write_text(
            tomli_w.dumps({"listen": listen, "store": store_section(answers, tmp_path)})
        )
        command = [sys.executable, "-m", "runtime", "forward-logs", "--config", str(config)]
        process = subprocess.Popen(command, cwd=ROOT)
        made = Program(process, answers, port)
        try:
            until(made.accepts, 60)
            yield made
        finally:
            process.kill()
            process.wait()


def test_a_request_that_has_begun_is_answered_after_sigterm(program: Program):
    program.answers.seconds, program.answers.body = 3, json.dumps(STORED).encode()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(program.send)
        until(lambda: program.answers.asked, 30)
        program.process.send_signal(signal.SIGTERM)
        assert answer.result(30).status_code == 200
    assert program.process.wait(10) == 0


def test_an_unused_connection_is_closed_without_an_answer_on_which_lines_are_dropped(
    program: Program,
):
    """A collector may send a request at this moment, and would take 408 for the answer to it."""
    raw = socket.create_connection(("127.0.0.1", program.port), 10)
    with program.answers.authority.trust().wrap_socket(raw, server_hostname="localhost") as wire:
        wire.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b"200 OK" in wire.recv(10_000)
        program.process.send_signal(signal.SIGTERM)
        assert wire.recv(10_000) == b""
    assert program.process.wait(10) == 0
