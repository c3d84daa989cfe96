"""The Lambda function's scheduled check, time limits, secrets and runtime failures."""

from __future__ import annotations

import base64
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.hosts import aws_invocation, aws_lambda
from runtime.hosts.bridge import CutError, Request
from runtime.hosts.streaming import Invocation, RuntimeApi, serve
from tests.harness.dynamodb import CREDENTIALS, REGION
from tests.harness.host_programs import MANAGED_RUNTIME, app_folder, environment, streaming_runtime
from tests.harness.hosted_server import Process
from tests.harness.lambda_service import EVENTS, LambdaService
from tests.harness.server import MODERN, free_port, modern_request, until
from tests.harness.tokens import Issuer


class Context:
    """An invocation that has so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self.until - time.monotonic()) * 1000)


class Pong(socketserver.BaseRequestHandler):
    """A cache that answers each command with the same."""

    def handle(self) -> None:
        while said := self.request.recv(65536):
            self.request.sendall(b"+PONG\r\n" * len(re.findall(rb"\*\d+\r\n", said)))


class Cache(socketserver.ThreadingTCPServer):
    """Ends with its connections still open: a cache's client keeps them."""

    daemon_threads = True
    block_on_close = False


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, issuer: Issuer) -> Generator[Issuer]:
    """This process as a function that was configured well."""
    redis = {"host": "127.0.0.1", "port": free_port()}
    for name, value in environment(issuer, redis=redis).items():
        monkeypatch.setenv(name, value)
    aws_lambda.host.cache_clear()
    yield issuer
    aws_lambda.host.cache_clear()


def post(issuer: Issuer, body: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "http-api.json").read_text())
    event["requestContext"]["domainName"] = "localhost"
    event["headers"] |= {
        "authorization": f"Bearer {issuer.token()}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": body["method"],
        "mcp-name": body["params"].get("name", ""),
    }
    return event | {"body": json.dumps(body)}


HEALTHCHECK = {"action": "healthcheck"}


def test_a_scheduled_check_looks_at_the_dependencies_now_and_fails_without_one(function: Issuer):
    with pytest.raises(aws_lambda.UnreachableError, match=r"^unreachable: redis$"):
        aws_lambda.handler(HEALTHCHECK, Context(20))
    redis = aws_lambda.host().application.config.redis
    assert redis is not None
    with Cache((redis.host, redis.port), Pong) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        found = aws_lambda.handler(HEALTHCHECK, Context(20))["dependencies"]
        server.shutdown()
    assert found == {"redis": "reachable", "issuer": "reachable"}


def test_a_scheduled_check_fails_without_the_issuers_keys_or_the_store_of_sessions(
    monkeypatch: pytest.MonkeyPatch, issuer: Issuer
):
    nowhere = f"http://127.0.0.1:{free_port()}"
    state = {"kind": "dynamodb", "sessions": "s", "connections": "c", "region": REGION}
    auth = {"issuer": "https://issuer.test", "jwks_url": f"{nowhere}/jwks.json"}
    variables = environment(issuer, state=state, auth=auth, AWS_ENDPOINT_URL=nowhere, **CREDENTIALS)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    aws_lambda.host.cache_clear()
    with pytest.raises(aws_lambda.UnreachableError, match=r"^unreachable: issuer, sessions$"):
        aws_lambda.handler(HEALTHCHECK, Context(20))
    ready = aws_lambda.host().bridge.ask(Request(method="GET", path="/ready"), 20)
    assert ready.status == 200
    assert json.loads(ready.body())["dependencies"] == {
        "issuer": "unreachable",
        "sessions": "unreachable",
    }
    aws_lambda.host.cache_clear()


def test_a_call_that_outlasts_the_function_is_cancelled_and_answered(function: Issuer):
    call = modern_request("tools/call", name="wait", arguments={"seconds": 15})
    began = time.monotonic()
    answer = aws_lambda.handler(post(function, call), Context(aws_invocation.MARGIN_SECONDS + 0.5))
    assert answer["statusCode"] == 504
    assert "the request took longer than the host allows" in answer["body"]
    assert time.monotonic() - began < aws_invocation.MARGIN_SECONDS + 0.5
    again = aws_lambda.handler(post(function, modern_request("tools/list")), Context(20))
    assert again["statusCode"] == 200


def test_a_stream_that_is_cut_ends_with_the_error_as_trailers():
    def pieces() -> Iterator[bytes]:
        yield b"first"
        yield b""
        raise CutError(504, "over")

    received = b""
    with socket.create_server(("127.0.0.1", 0)) as server:
        api = RuntimeApi("{}:{}".format(*server.getsockname()))
        thread = threading.Thread(target=api.stream, args=("7", {"statusCode": 200}, pieces()))
        thread.start()
        connection, _ = server.accept()
        with connection:
            while not received.endswith(b"\r\n\r\n") or b"\r\n0\r\n" not in received:
                received += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
            thread.join(20)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2018-06-01/runtime/invocation/7/response HTTP/1.1")
    prelude = b'{"statusCode": 200}' + bytes(8)
    chunks, _, trailers = body.partition(b"\r\n0\r\n")
    assert chunks == b"%x\r\n%s\r\n5\r\nfirst" % (len(prelude), prelude)
    sent = dict(line.split(": ", 1) for line in trailers.decode().split("\r\n") if line)
    assert sent["Lambda-Runtime-Function-Error-Type"] == "Runtime.CutError"
    told = json.loads(base64.b64decode(sent["Lambda-Runtime-Function-Error-Body"]))
    assert told["errorMessage"] == "over"


class Breaking(RuntimeApi):
    """Lambda's side: one event, whose answer it does not take."""

    def __init__(self, event: dict[str, Any]) -> None:
        super().__init__("nowhere")
        deadline = int((time.time() + 20) * 1000)
        self.waiting = [Invocation("7", deadline, event)]
        self.errors: list[object] = []
        self.left_running: object = None

    def next(self) -> Invocation:
        if not self.waiting:
            self.left_running = set(aws_lambda.host().application.parts.drain.calls)
            raise SystemExit
        return self.waiting.pop()

    def stream(self, request_id: str, head: dict[str, Any], pieces: Iterator[bytes]) -> None:
        assert next(pieces)
        raise BrokenPipeError

    def post(self, path: str, content: object, **headers: str) -> None:
        self.errors.append(content)


def test_a_broken_connection_cancels_the_call_of_its_stream(function: Issuer):
    call = modern_request("tools/call", name="count", arguments={"to": 100, "pause_seconds": 0.1})
    call["params"]["_meta"] |= {"progressToken": 1}
    api = Breaking(post(function, call))
    with pytest.raises(SystemExit):
        serve(api)
    assert api.left_running == set()
    assert api.errors == [{"errorMessage": "", "errorType": "Runtime.BrokenPipeError"}]


@pytest.mark.parametrize("streaming", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_wrong_configuration_is_reported_to_lambda(
    tmp_path: Path, issuer: Issuer, streaming: bool
):
    app = app_folder(tmp_path)
    service = LambdaService()
    variables = environment(issuer, AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{service.api_port}")
    variables["QUDAG_MCP_CONFIG"] += "\n[servr]\n"
    with service.serving():
        command = streaming_runtime(app, variables) if streaming else MANAGED_RUNTIME
        process = Process(command, variables, app, tmp_path / "log")
        try:
            until(lambda: service.failures, 30)
            assert process.process.wait(20) == 1
        finally:
            process.end()
    (failure,) = service.failures
    said = "QUDAG_MCP_CONFIG: servr: unknown key; did you mean server?"
    assert failure["errorMessage"] == said
    assert "ConfigError" in failure["errorType"]
