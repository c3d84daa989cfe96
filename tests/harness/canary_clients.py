"""Clients of the canary stack, which call it well and badly."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import psycopg
from valkey import Valkey as Client
from valkey.exceptions import ValkeyError

from .bridge import messages
from .canaries import Canary
from .canary_programs import CanaryPrograms
from .certificates import Authority
from .network import port
from .server import MODERN, initialize_request, modern_request
from .tokens import Issuer

SENT: Final = Canary.of("what clients send")
"""A text in arguments, headers and messages of clients."""
VAULT: Final = Canary.of("a value in the vault of a user")
DATABASE: Final[Mapping[str, Any]] = {
    "host": "127.0.0.1",
    "dbname": "qudag_mcp",
    "sslmode": "require",
    "connect_timeout": 5,
}


class Caller:
    """Sends messages through the gateway, and keeps its answers."""

    def __init__(self, run: CanaryPrograms, authority: Authority, token: str) -> None:
        self.run = run
        self.verify = authority.trust()
        self.token = token

    def send(
        self, content: bytes, *, keep: bool = True, path: str = "/mcp", **headers: str
    ) -> httpx2.Response:
        """POST; the answer is not kept where it may repeat what the client has sent."""
        sent = {
            "host": "mcp.example.com",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": MODERN,
            "authorization": f"Bearer {self.token}",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"https://127.0.0.1:{port(8443)}{path}"
        answer = httpx2.post(url, content=content, headers=sent, verify=self.verify, timeout=30)
        return self.run.keep(f"answer to {path}", answer) if keep else answer

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; the message that answers."""
        body = json.dumps(modern_request("tools/call", name=tool, arguments=arguments)).encode()
        return messages(self.send(body, keep=False, mcp_method="tools/call", mcp_name=tool))[-1]


def calls(caller: Caller) -> None:
    """Calls that work, and that fail in each place on their way."""
    assert "result" in caller.call("echo", text=SENT.text)
    caller.call("remember", name="a", text=SENT.text)
    caller.call("vault_write", name="a", value=VAULT.text)
    assert VAULT.text in json.dumps(caller.call("vault_read", name="a"))
    caller.call("vault_read", name={"not": SENT.text})
    caller.call("public_keys")
    caller.call("no_such_tool", text=SENT.text)
    caller.call("wait", seconds=SENT.text)


def refused(caller: Caller, issuer: Issuer) -> list[Canary]:
    """Wrong tokens, and secrets where they do not belong; returns what was sent."""
    expired = issuer.token(lives_seconds=-600)
    forged = caller.token.rpartition(".")[0] + "." + SENT.text * 5
    body = json.dumps(modern_request("tools/list")).encode()
    for token in (expired, forged, SENT.text, f"e30.{SENT.text}.e30"):
        caller.send(body, authorization=f"Bearer {token}")
    caller.send(body, authorization=f"Basic {SENT.text}")
    caller.send(body, path=f"/mcp?access_token={SENT.text}")
    caller.send(body, path=f"/mcp?token={caller.token}", authorization="")
    caller.send(body, cookie=f"session={SENT.text}")
    caller.send(body, mcp_session_id=SENT.text)
    caller.send(body, mcp_method="tools/list", origin=f"https://{SENT.text}.example")
    caller.send(f'{{"jsonrpc": "2.0", "id": 1, "{SENT.text}'.encode())
    caller.send(json.dumps({"jsonrpc": "1.0", "method": SENT.text}).encode())
    caller.send(b"x" * 100 + SENT.text.encode(), content_type="text/plain")
    signatures = {"the caller's": caller.token, "an expired": expired}
    return [Canary(f"{who} token", token.rpartition(".")[2]) for who, token in signatures.items()]


def failed_logins(secrets: Mapping[str, Mapping[str, str]]) -> None:
    """Logins at both stores with wrong passwords, and a statement with one."""
    own = secrets["mcp-server-secrets"]["database-password"]
    for user, password in (("qudag", SENT.text), ("nobody", own), ("postgres", SENT.text)):
        with contextlib.suppress(psycopg.Error):
            psycopg.connect(user=user, password=password, port=port(5432), **DATABASE).close()
    for user in ("default", "mcp-server", "nobody"):
        client: Any = Client(
            port=port(6379), username=user, password=SENT.text, ssl=True, ssl_cert_reqs="none"
        )
        with contextlib.closing(client), contextlib.suppress(ValkeyError):
            client.ping()


def stored(run: CanaryPrograms) -> None:
    """Keep what the database has for its owner: the rows of each table, the statistics."""
    password = run.secrets["mcp-server-secrets"]["audit-keeper-password"]
    keeper = psycopg.connect(
        user="qudag_audit_keeper", password=password, port=port(5432), **DATABASE
    )
    with contextlib.closing(keeper):
        rows = keeper.execute("SELECT log::text FROM audit.log").fetchall()
        assert len(rows) > 5
        run.texts["audit rows"] = "\n".join(str(row) for row in rows)
        running = keeper.execute("SELECT a::text FROM pg_stat_activity AS a").fetchall()
        run.texts["pg_stat_activity"] = str(running)


def bridged(run: CanaryPrograms) -> None:
    """Messages to the bridge: of both eras, to a tool that ends the program, and wrong ones."""
    url = f"http://127.0.0.1:{port(8000)}/mcp"
    sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    opened = httpx2.post(url, headers=sent, json=initialize_request(), timeout=30)
    session = {"mcp-session-id": opened.headers["mcp-session-id"]}
    for content in (
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}),
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": SENT.text, "params": {"a": SENT.text}}),
        f'{{"jsonrpc": "2.0", "id": 1, "{SENT.text}',
    ):
        for further in (session, {"mcp-session-id": SENT.text}, {"authorization": SENT.text}):
            httpx2.post(url, headers=sent | further, content=content, timeout=30)
