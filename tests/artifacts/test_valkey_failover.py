"""Sessions of a server go on when its Valkey fails over; both run with the files of a stack."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx2
import pytest

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.certificates import Authority
from tests.harness.network import private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import initialize_request, until
from tests.harness.tokens import Issuer
from tests.harness.topologies import recorded
from tests.harness.valkey_replicas import Replicas

pytestmark = pytest.mark.slow

SERVER = "https://127.0.0.1:8443"
RECOVERED = 60
"""Seconds; without load it takes 8, of which Sentinels wait 5 before they vote."""


@pytest.fixture(scope="module")
def graph() -> ResourceGraph:
    valkey = {"replicas": 3}
    return recorded(TOPOLOGIES["boilerplate"], {"data": {"valkey": valkey}})


@dataclass
class Caller:
    """Calls a tool again and again in one session of the legacy era.

    Attributes:
        failed: status of each call that was not answered with 200.
        gap: longest time between two answers of 200, in seconds.
    """

    token: str
    verify: ssl.SSLContext
    session: str = ""
    calls: int = 0
    failed: list[int] = field(default_factory=list[int])
    gap: float = 0
    last: float = 0

    def post(self, body: Any, **headers: str) -> httpx2.Response:
        sent = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "authorization": f"Bearer {self.token}",
            **headers,
        }
        content = json.dumps(body).encode()
        url = f"{SERVER}/mcp"
        return httpx2.post(url, content=content, headers=sent, verify=self.verify, timeout=30)

    def open(self) -> None:
        answer = self.post(initialize_request())
        assert answer.status_code == 200, answer.text
        self.session = answer.headers["mcp-session-id"]
        self.last = time.monotonic()

    def call(self) -> bool:
        """Call the tool; whether it was answered."""
        params = {"name": "echo", "arguments": {"text": "hi"}}
        body = {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params}
        answer = self.post(body, **{"mcp-session-id": self.session})
        self.calls += 1
        if answer.status_code != 200:
            self.failed.append(answer.status_code)
            return False
        self.gap = max(self.gap, time.monotonic() - self.last)
        self.last = time.monotonic()
        return True


@pytest.fixture
def replicas(tmp_path: Path, authority: Authority, graph: ResourceGraph) -> Generator[Replicas]:
    with private_network():
        found = Replicas(tmp_path, authority, graph)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def caller(
    replicas: Replicas, tmp_path: Path, authority: Authority, issuer: Issuer
) -> Generator[Caller]:
    """A client of a running server, which has a session."""
    secrets = replicas.pods[0].secrets | {
        "mcp-issuer-keys": {"jwks.json": issuer.jwks_file.read_text()},
        "mcp-server-secrets": {"database-password": "unused"},
    }
    outputs = replicas.outputs
    for required in outputs["required_secrets"]:
        if required["name"] == "mcp-internal-tls-mcp-server":
            certificate, key = authority.issue("server", required["dns_names"])
            tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
            secrets[required["name"]] = tls
        if required["kind"] == "master-keys":
            secrets[required["name"]] = {key: token_urlsafe(32) for key in required["keys"]}
    assert replicas.graph is not None
    pod = Pod.recorded(replicas.graph, "mcp-server", tmp_path, secrets)
    pod.addresses = replicas.addresses
    token = issuer.token(iss=outputs["issuer"], aud=f"{SERVER}/mcp")
    replicas.start_all()
    with run_container(pod, "mcp-server"):
        caller = Caller(token, authority.trust())
        caller.verify.check_hostname = False  # it connects as the gateway does, by another name
        until(is_open, within_seconds=30)
        caller.open()
        yield caller


def is_open() -> bool:
    try:
        return httpx2.get("http://127.0.0.1:8080/ready").status_code == 200
    except httpx2.TransportError:
        return False


def test_a_session_goes_on_after_the_primary_is_killed(replicas: Replicas, caller: Caller):
    for _ in range(5):
        assert caller.call()
    (primary,) = replicas.primaries()
    killed = time.monotonic()
    replicas.kill(primary)
    while time.monotonic() < killed + RECOVERED and (
        not caller.call() or time.monotonic() < killed + 1
    ):
        time.sleep(0.2)
    for _ in range(10):
        assert caller.call(), "no call fails after the first that was answered"
    print(
        f"failover: {len(caller.failed)} of {caller.calls} calls failed,"
        f" {caller.gap:.1f} s without an answer"
    )
    assert set(caller.failed) <= {503}, "the session was never said to be unknown"
    assert caller.gap < RECOVERED
