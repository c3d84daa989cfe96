"""Log lines name the client and the user of each request, and no value can forge a line."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from runtime.config import Config
from runtime.exchange import client_of
from runtime.hosts.aws_lambda import request_of
from runtime.logs import JsonLines, TextLines
from tests.harness.server import MODERN, RunningServer, modern_request, serving, settings, until
from tests.harness.tokens import Issuer

FORGED = 'eve" status=200 subject="ada'


def record(**facts: object) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.INFO, "", 0, "request", None, None)
    made.facts = facts
    return made


@given(st.text())
def test_a_logged_value_cannot_add_a_field_or_line_of_text(value: str):
    line = TextLines().format(record(subject=value, status=401))
    assert line.isprintable()
    assert line.startswith("info    request subject=")
    assert line.endswith(" status=401")
    shown = line.removeprefix("info    request subject=").removesuffix(" status=401")
    assert " " not in shown or shown.startswith('"')
    assert shown.replace("\\\\", "").replace('\\"', "").strip('"').count('"') == 0


@given(st.text())
def test_a_logged_value_cannot_add_a_field_or_line_of_json(issuer: Issuer, value: str):
    formatter = JsonLines(Config.model_validate(settings(issuer)))
    line = formatter.format(record(subject=value))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["subject"] == value


def test_a_subject_cannot_forge_a_line_of_text(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, logging={"format": "text"}) as server:
        token = issuer.token(sub=FORGED)
        assert server.post_modern("tools/list", token).status_code == 200
        lines = until(
            lambda: [x for x in server.log_file.read_text().splitlines() if 'subject="eve' in x]
        )
    assert len(lines) == 1
    assert lines[0].startswith("info    request ")
    assert 'subject="eve\\" status=200 subject=\\"ada"' in lines[0]
    assert not [x for x in server.log_file.read_text().splitlines() if x.startswith("error")]


FORWARDED = {"x-forwarded-for": "6.6.6.6, 203.0.113.9", "x-real-ip": "6.6.6.6"}


@pytest.mark.parametrize(("proxies", "client"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
async def test_each_request_and_each_401_is_logged_with_its_client(
    tmp_path: Path, issuer: Issuer, proxies: int, client: str
):
    with serving(tmp_path, issuer, server={"proxies_in_front": proxies}) as server:
        listing = modern_request("tools/list")
        answers = [
            httpx2.post(f"{server.base}/mcp", headers=FORWARDED),
            server.post(listing, version=MODERN, mcp_method="tools/list", **FORWARDED),
        ]
        url = server.base.replace("http", "ws") + "/ws"
        with pytest.raises(InvalidStatus):
            await connect(url, additional_headers=FORWARDED)
        authorized = FORWARDED | {"authorization": f"Bearer {server.token}"}
        async with connect(url, additional_headers=authorized):
            pass
        logged = until(lambda: server.events("websocket") and server.log())
    assert [answer.status_code for answer in answers] == [401, 200]
    requests = [entry for entry in logged if entry["event"] in ("request", "websocket")]
    assert [entry["client"] for entry in requests] == [client] * 4
    assert [(e["path"], e["status"]) for e in requests if e.get("status") == 401] == [
        ("/mcp", 401),
        ("/ws", 401),
    ]
    assert requests[-1]["subject"] == "ada"


@pytest.mark.parametrize(
    ("peer", "header", "proxies", "client"),
    [
        ("10.0.0.7", None, 1, "10.0.0.7"),
        ("10.0.0.7", "203.0.113.9", 2, "10.0.0.7"),
        ("10.0.0.7", "6.6.6.6, 203.0.113.9, 10.1.1.1", 2, "203.0.113.9"),
        ("10.0.0.7", "203.0.113.9:51234", 1, "203.0.113.9"),
        ("10.0.0.7", "[2001:db8::1]:443", 1, "2001:db8::1"),
        ("10.0.0.7", "2001:db8::1", 1, "2001:db8::1"),
        ("10.0.0.7", "no address", 1, "10.0.0.7"),
        ("::ffff:10.0.0.7", None, 0, "10.0.0.7"),
        (None, "6.6.6.6", 0, None),
    ],
)
def test_the_client_is_the_forwarded_address_at_the_number_of_proxies(
    peer: str | None, header: str | None, proxies: int, client: str | None
):
    headers = [(b"x-forwarded-for", header.encode())] if header else []
    scope = {"client": (peer, 1) if peer else None, "headers": headers}
    assert client_of(scope, proxies) == client


def test_lambda_takes_the_address_from_the_event_not_from_a_header():
    event = {
        "rawPath": "/mcp",
        "headers": {"X-Forwarded-For": "6.6.6.6"},
        "requestContext": {"http": {"method": "POST", "sourceIp": "203.0.113.9"}},
    }
    request = request_of(event)
    assert request.client == "203.0.113.9"
    assert "6.6.6.6" not in str(request.headers)


def test_requests_of_probes_are_not_logged_at_info(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer) as server:
        assert isinstance(server, RunningServer)
        assert server.get("/health").status_code == 200
        assert server.events("request") == []
