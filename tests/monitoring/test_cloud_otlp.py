"""Servers with the configuration of each cloud send to a real collector that asks for a token."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.certificates import Authority
from tests.harness.otlp_receiver import OtlpReceiver, receiving
from tests.harness.otlp_servers import CLOUDS
from tests.harness.server import (
    PLAIN,
    RunningServer,
    free_port,
    modern_request,
    serving,
    until,
)
from tests.harness.tokens import Issuer

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TOKEN, VARIABLE = "token-of-the-receiver", "QUDAG_MCP_OTLP_TOKEN"
SECRET = "text-that-nothing-may-hold"
EVERY = pytest.mark.parametrize("cloud", CLOUDS)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.at(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.at(tmp_path_factory.mktemp("authority"))


def rendered(cloud: str, authority: Authority, url: str, **fields: Any) -> dict[str, Any]:
    """The server.toml of a container in a cloud; what this machine has not is replaced."""
    make, receiver, _ = CLOUDS[cloud]
    networks = {"networks": ["127.0.0.0/8"]} if cloud == "ecs" else {}
    ca = authority.ca_file.read_text()
    given = replace(receiver, url=url, ca=ca, environment="prod", **networks, **fields)
    made = make(given)
    # The cloud sets the variable from the secret; tests/components/test_cloud_otlp.py says which.
    assert set(made.secrets) == {VARIABLE}
    return made.tables


@contextlib.contextmanager
def running(
    directory: Path,
    issuer: Issuer,
    tables: dict[str, Any],
    token: str = TOKEN,
    **sections: Any,
) -> Generator[RunningServer]:
    """Run a server with rendered tables, with free ports, and with the keys of the tests."""
    here = {"host": "127.0.0.1", "port": free_port(), "metrics_port": free_port()}
    trust = PLAIN
    if tables["server"].get("tls_self_signed"):
        here["tls_port"] = free_port()
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    given = {name: table for name, table in tables.items() if name != "auth"}
    given["server"] = {**tables["server"], **here, "role": "tools"}
    given["protocol"] = {**tables["protocol"], "allowed_hosts": ["127.0.0.1", "localhost"]}
    with serving(
        directory, issuer, trust, environment={VARIABLE: token}, **{**given, **sections}
    ) as server:
        yield server


def call(server: RunningServer, tool: str, arguments: Mapping[str, Any], **headers: str) -> str:
    answer = server.post(
        modern_request("tools/call", name=tool, arguments=dict(arguments)),
        version="2026-07-28",
        mcp_method="tools/call",
        mcp_name=tool,
        **headers,
    )
    assert answer.status_code == 200
    return answer.text


def sent_by(receiver: OtlpReceiver) -> set[tuple[str, str]]:
    """Services and names of the spans of the caller's trace that have arrived."""
    return {(span.service, span.name) for span in receiver.spans() if span.trace == TRACE}


@EVERY
def test_spans_and_log_lines_of_a_call_arrive_with_the_ids_of_the_caller(
    cloud: str, tmp_path: Path, issuer: Issuer, authority: Authority
):
    with receiving(tmp_path / "receiver", authority, TOKEN) as receiver:
        tables = rendered(cloud, authority, receiver.url)
        with running(tmp_path, issuer, tables) as server:
            call(server, "echo", {"text": SECRET}, traceparent=f"00-{TRACE}-{CALLER}-00")
            until(lambda: any(s.trace == TRACE for s in receiver.spans()), 20)
            until(lambda: any(one.trace == TRACE for one in receiver.lines()), 20)
            events = server.events("request")
            assert server.events("telemetry_lost") == []
            client_token = server.token
            server.terminate()
            assert server.exit_status() == 0
        receiver.stop()
        spans, lines, written = receiver.spans(), receiver.lines(), receiver.written
    by_name = {span.name: span for span in spans if span.trace == TRACE}
    assert set(by_name) == {"POST /mcp", "check token", "read issuer keys", "tools/call echo"}
    request = by_name["POST /mcp"]
    assert request.parent == CALLER
    assert by_name["tools/call echo"].parent == request.span
    assert {span.service for span in spans} == {"mcp"}
    # The copy of the line has the ids of the span, and no more of the client than its network.
    (line,) = [one for one in lines if one.span == request.span and one.body == "request"]
    (written_line,) = [one for one in events if one["span_id"] == request.span]
    assert line.trace == TRACE
    assert line.resource["deployment.environment.name"] == "prod"
    assert line.attributes["request_id"] == written_line["request_id"]
    assert written_line["subject"] == "ada"
    assert line.attributes["subject"] == "fdee430d40bd57de"  # of SHA-256 of ada
    assert line.attributes["client"] == "127.0.0.0"
    for hidden in (SECRET, TOKEN, client_token, '"ada"', "127.0.0.1"):
        assert hidden not in written


def test_a_call_that_another_server_makes_is_one_trace_with_it(
    tmp_path: Path, issuer: Issuer, authority: Authority
):
    """A server of the platform offers the tools of one in a cloud; both send to one receiver."""
    certificate, key = authority.issue("cloud")
    with receiving(tmp_path / "receiver", authority, TOKEN) as receiver:
        tables = rendered("cloud-run", authority, receiver.url)
        of_cloud = tables["server"] | {
            "host": "127.0.0.1",
            "role": "tools",
            "name": "cloud",
            "port": free_port(),
            # In place of the TLS of Cloud Run.
            "tls_port": free_port(),
            "tls_cert": str(certificate),
            "tls_key": str(key),
        }
        entry = {
            "name": "cloud",
            "url": f"https://localhost:{of_cloud['tls_port']}/mcp",
            "ca_file": str(authority.ca_file),
        }
        front = tables["server"] | {"name": "front"}
        with (
            running(tmp_path, issuer, tables | {"server": of_cloud}, server=of_cloud) as cloud,
            running(tmp_path, issuer, tables | {"server": front}, tool_servers=[entry]) as platform,
        ):
            call(platform, "cloud__echo", {"text": "a"}, traceparent=f"00-{TRACE}-{CALLER}-01")
            wanted = {
                *(("front", name) for name in ("POST /mcp", "tools/call cloud")),
                *(("cloud", name) for name in ("POST /mcp", "tools/call echo")),
            }
            until(lambda: wanted <= sent_by(receiver), 20)
            assert cloud.events("request")
        spans = [span for span in receiver.spans() if span.trace == TRACE]
    (sent,) = [s for s in spans if s.service == "front" and s.name == "tools/call cloud"]
    (received,) = [s for s in spans if s.parent == sent.span]
    assert (received.service, received.name) == ("cloud", "POST /mcp")
    (run,) = [s for s in spans if s.parent == received.span and s.name.startswith("tools/call")]
    assert (run.service, run.name) == ("cloud", "tools/call echo")
    by_id = {span.span for span in spans}
    assert {span.parent for span in spans if span.parent not in by_id} == {CALLER}


def test_a_token_in_another_header_is_sent_without_a_scheme(
    tmp_path: Path, issuer: Issuer, authority: Authority
):
    with receiving(
        tmp_path / "receiver", authority, TOKEN, header="X-Api-Key", scheme=""
    ) as receiver:
        tables = rendered(
            "cloud-run", authority, receiver.url, header="X-Api-Key", scheme="none", logs=False
        )
        with running(tmp_path, issuer, tables) as server:
            call(server, "echo", {"text": "a"})
            until(receiver.spans, 20)
        assert receiver.lines() == []


def test_a_receiver_that_refuses_or_is_away_fails_no_call_and_is_told_in_the_log(
    tmp_path: Path, issuer: Issuer, authority: Authority
):
    port = free_port()
    tables = rendered("cloud-run", authority, f"https://localhost:{port}")

    def told(server: RunningServer, signal: str) -> bool:
        return any(one["signal"] == signal for one in server.events("telemetry_lost"))

    with running(tmp_path, issuer, tables) as server:
        for _ in range(10):
            started = time.monotonic()
            call(server, "echo", {"text": "a"})
            assert time.monotonic() - started < 2
        until(lambda: told(server, "traces") and told(server, "logs"), 30)
        # The receiver is back: what waits arrives.
        with receiving(tmp_path / "back", authority, TOKEN, port=port) as receiver:
            call(server, "echo", {"text": "a"}, traceparent=f"00-{TRACE}-{CALLER}-01")
            until(lambda: any(s.trace == TRACE for s in receiver.spans()), 20)
            until(lambda: any(one.trace == TRACE for one in receiver.lines()), 20)
    with (
        receiving(tmp_path / "refuses", authority, TOKEN) as receiver,
        running(
            tmp_path, issuer, rendered("cloud-run", authority, receiver.url), token="another"
        ) as server,
    ):
        call(server, "echo", {"text": "a"})
        until(lambda: told(server, "traces") and told(server, "logs"), 30)
        assert receiver.written == ""
        lost = server.events("telemetry_lost")
        assert all("another" not in str(one) for one in lost)
