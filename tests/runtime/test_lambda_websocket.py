"""MCP over API Gateway's WebSockets: each message of a connection is one invocation."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import botocore.session
import pytest
import tomli_w

from runtime.hosts import aws_invocation, aws_lambda, aws_websocket
from runtime.state import Session
from tests.harness.dynamodb import REGION
from tests.harness.server import modern_request, settings, until
from tests.harness.tokens import AUDIENCE, Issuer

EVENTS = Path(__file__).parent / "events"
CONNECTION = "L0SM9cOFvHcCIhw="


@dataclass
class Client:
    """What the client of the connection was sent; once it has gone, nothing can be."""

    frames: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    gone: bool = False

    def answer_to(self, identity: object) -> dict[str, Any]:
        return until(lambda: next((f for f in self.frames if f.get("id") == identity), None))


@dataclass
class Socket:
    """A connection, as events to a host."""

    host: aws_lambda.Host
    client: Client
    token: str
    address: list[str]

    def event(self, kind: str, seconds: float = 20, **changed: Any) -> int:
        event: dict[str, Any] = json.loads((EVENTS / f"websocket-{kind}.json").read_text())

        class Context:
            def get_remaining_time_in_millis(self) -> int:
                return int((seconds + aws_invocation.MARGIN_SECONDS) * 1000)

        return aws_lambda.handler(event | changed, Context())["statusCode"]

    def connect(self, authorization: str | None = None, resource: str | None = AUDIENCE) -> int:
        return self.event(
            "connect",
            headers={"Authorization": authorization or f"Bearer {self.token}"},
            stageVariables={"mcpResource": resource} if resource else None,
        )

    def send(self, message: Any, seconds: float = 20) -> int:
        text = message if isinstance(message, str) else json.dumps(message)
        return self.event("message", seconds, body=text)


@pytest.fixture(scope="module")
def client() -> Client:
    return Client()


@pytest.fixture(scope="module")
def management(client: Client) -> Generator[str]:
    """The address of the connections, as "Use @connections commands" in the guide has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            known = unquote(self.path) == f"/mcp/@connections/{CONNECTION}" and not client.gone
            if known:
                client.frames.append(json.loads(body))
            self.send_response(200 if known else 410)
            self.send_header("x-amzn-errortype", "GoneException")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[aws_lambda.Host]:
    config = settings(issuer) | {"server": {"host": "127.0.0.1"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUDAG_MCP_CONFIG", tomli_w.dumps(config))
        made = aws_lambda.Host()
        yield made
        made.bridge.loop.call_soon_threadsafe(made.bridge.loop.stop)


@pytest.fixture(scope="module")
def api(management: str) -> Any:
    session: Any = botocore.session.Session()
    session.set_credentials("testing", "testing")
    return session.create_client(
        "apigatewaymanagementapi", endpoint_url=management, region_name=REGION
    )


@pytest.fixture
def socket(
    host: aws_lambda.Host,
    client: Client,
    api: Any,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Socket]:
    asked: list[str] = []

    def connections(address: str) -> Any:
        asked.append(address)
        return api

    monkeypatch.setattr(aws_websocket, "_client", connections)
    monkeypatch.setattr(aws_lambda, "host", lambda: host)
    client.frames.clear()
    client.gone = False
    socket = Socket(host, client, issuer.token(), asked)
    yield socket
    socket.event("disconnect")


@pytest.fixture
def instance() -> Generator[ThreadPoolExecutor]:
    """Where another invocation runs meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def call(identity: int, tool: str, progress: bool = False, **arguments: Any) -> dict[str, Any]:
    request: dict[str, Any] = modern_request("tools/call", name=tool, arguments=arguments)
    if progress:
        request["params"]["_meta"] |= {"progressToken": identity}
    return request | {"id": identity}


def cancel(identity: int) -> dict[str, Any]:
    params = {"requestId": identity}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


def kept(socket: Socket) -> Any:
    found = socket.host.application.stores.connections.find(CONNECTION)
    return socket.host.bridge.run(found, 5)


def test_a_connection_with_a_token_is_accepted_until_the_token_expires(socket: Socket):
    assert socket.connect() == 200
    connection = kept(socket)
    assert connection.user_id == "ada"
    assert connection.expires_at == pytest.approx(time.time() + 600, abs=5)


def test_a_token_that_outlives_what_api_gateway_allows_is_good_until_then(
    socket: Socket, issuer: Issuer
):
    assert socket.connect(f"Bearer {issuer.token(lives_seconds=90_000)}") == 200
    assert kept(socket).expires_at == pytest.approx(time.time() + 7200, abs=5)


def test_connections_above_the_quota_of_their_user_are_refused(socket: Socket):
    application = socket.host.application
    names = [f"open-{number}" for number in range(application.config.limits.sessions_per_user)]
    ends = int(time.time()) + 60
    for name in names:
        session = Session(session_id=name, user_id="ada", protocol_version="1", expires_at=ends)
        assert socket.host.bridge.run(application.stores.sessions.open(session, len(names)), 5)
    assert socket.connect() == 429
    assert kept(socket) is None
    for name in names:
        socket.host.bridge.run(application.stores.sessions.close(name), 5)
    assert socket.connect() == 200


@pytest.mark.parametrize("authorization", ["Bearer x.y.z", "Basic YTpi", "Bearer"])
def test_a_connection_without_a_valid_token_is_refused(socket: Socket, authorization: str):
    assert socket.connect(authorization) == 401
    assert kept(socket) is None


def test_a_websocket_accepts_tokens_for_the_url_in_its_stage_variable(
    socket: Socket, issuer: Issuer
):
    of_the_url, of_another = (
        f"Bearer {issuer.token(aud=f'https://{name}.lambda-url.eu-central-1.on.aws/mcp')}"
        for name in ("mine", "another")
    )
    here = "https://mine.lambda-url.eu-central-1.on.aws/mcp"
    assert socket.connect(of_the_url, resource=here) == 200
    assert socket.connect(of_another, resource=here) == 401
    assert socket.connect(of_the_url, resource=None) == 421


def test_a_message_is_answered_on_the_connection_on_which_it_came(socket: Socket):
    socket.connect()
    assert socket.send(call(1, "echo", text="häl")) == 200
    (answer,) = socket.client.frames
    assert answer["result"]["content"][0]["text"] == "häl"
    domain = "abcdef1234.execute-api.eu-central-1.amazonaws.com"
    assert set(socket.address) == {f"https://{domain}/mcp"}


def test_progress_comes_as_frames_before_the_answer(socket: Socket):
    socket.connect()
    socket.send(call(1, "count", progress=True, to=3, pause_seconds=0.05))
    *progress, answer = socket.client.frames
    assert [frame["params"]["progress"] for frame in progress] == [1, 2, 3]
    assert answer["result"]["content"][0]["text"] == "counted to 3"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("[]", -32600),
        (json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}), -32602),
        (json.dumps(modern_request("made/up")), -32601),
    ],
)
def test_an_invalid_message_is_answered_with_a_json_rpc_error(socket: Socket, body: str, code: int):
    socket.connect()
    assert socket.send(body) == 200
    assert [frame["error"]["code"] for frame in socket.client.frames] == [code]


def test_another_invocation_cancels_a_call(socket: Socket, instance: ThreadPoolExecutor):
    socket.connect()
    began = time.monotonic()
    running = instance.submit(socket.send, call(1, "wait", seconds=15))
    until(lambda: socket.host.application.parts.drain.calls)
    socket.send(cancel(1))
    assert running.result() == 200
    assert time.monotonic() - began < 5
    assert socket.client.frames == []


def test_a_disconnect_cancels_the_calls_of_the_client(socket: Socket, instance: ThreadPoolExecutor):
    socket.connect()
    began = time.monotonic()
    running = instance.submit(socket.send, call(1, "wait", seconds=15))
    until(lambda: socket.host.application.parts.drain.calls)
    assert socket.event("disconnect") == 200
    assert running.result() == 200
    assert time.monotonic() - began < 5


def test_a_gone_connection_is_deleted_and_its_call_cancelled(socket: Socket):
    socket.connect()
    socket.client.gone = True
    began = time.monotonic()
    assert socket.send(call(1, "count", progress=True, to=100, pause_seconds=0.2)) == 410
    assert time.monotonic() - began < 5
    assert kept(socket) is None


def test_a_call_that_outlasts_its_invocation_gets_an_error(socket: Socket):
    socket.connect()
    assert socket.send(call(1, "wait", seconds=15), seconds=2) == 200
    (answer,) = socket.client.frames
    assert (answer["id"], "longer than the host allows" in answer["error"]["message"]) == (1, True)


def test_an_answer_too_large_for_api_gateway_becomes_an_error(socket: Socket):
    socket.connect()
    socket.send(call(1, "echo", text="\x01" * 30_000))  # six bytes each in JSON
    (answer,) = socket.client.frames
    assert "at most 131072" in answer["error"]["message"]


def test_after_its_end_a_connection_carries_nothing(socket: Socket):
    socket.send(call(1, "echo", text="x"))
    (answer,) = socket.client.frames
    assert "the token has expired" in answer["error"]["message"]
