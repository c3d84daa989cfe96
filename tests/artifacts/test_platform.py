"""The dev platform's programs run together with their rendered files, and answer clients."""

from __future__ import annotations

import contextlib
import ssl
import statistics
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.harness import programs
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.network import port
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import ERAS, MODERN, eventually, text_of, until
from tests.harness.stacks import stack
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

HERE = "127.0.0.1"
METADATA = "/.well-known/oauth-protected-resource/mcp"
PASSWORDS = {"database-password": "data's \\base", "password": 'c"ache\\'}
"""Of PostgreSQL, and of the server's user of Valkey."""

eras = pytest.mark.parametrize("era", ERAS)


@dataclass
class Platform:
    """What a client and an operator of the platform see of it."""

    server: RunningContainer
    migration: RunningContainer
    trust: ssl.SSLContext
    token: str

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """GET through the gateway."""
        return httpx2.get(f"https://{HERE}:{port(8443)}{path}", verify=self.trust, headers=headers)

    @contextlib.asynccontextmanager
    async def client(self, era: str) -> AsyncGenerator[Client]:
        """The official client, through the gateway."""
        headers = {"authorization": f"Bearer {self.token}"}
        mode = MODERN if era == "modern" else era
        async with httpx2.AsyncClient(headers=headers, verify=self.trust, timeout=30) as http:
            transport = streamable_http_client(f"https://{HERE}:{port(8443)}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    def calls_in_flight(self) -> int:
        """As the server counts them."""
        lines = httpx2.get(f"http://{HERE}:{port(9090)}/metrics").text.splitlines()
        return int(float(next(x.split()[1] for x in lines if x.startswith("mcp_calls_in_flight"))))


@pytest.fixture(scope="module")
def secrets(authority: Authority, issuer: Issuer) -> dict[str, dict[str, str]]:
    """What stands in the Secrets that the stack requires, for the names that it asks for."""
    made: dict[str, dict[str, str]] = {
        "mcp-issuer-keys": {"jwks.json": issuer.jwks_file.read_text()},
    }
    for required in stack("dev").outputs["required_secrets"]:
        if required["kind"] in ("certificate", "internal-certificate"):
            certificate, key = authority.issue(required["name"], required["dns_names"])
            made[required["name"]] = {
                "tls.crt": certificate.read_text(),
                "tls.key": key.read_text(),
            }
        if required["kind"] == "passwords":
            made[required["name"]] = {key: PASSWORDS[key] for key in required["keys"]}
        if required["kind"] == "master-keys":
            made[required["name"]] = {key: token_urlsafe(32) for key in required["keys"]}
        if required["kind"] == "authority":
            made[required["name"]] = {"ca.crt": authority.ca_file.read_text()}
    return made


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    issuer: Issuer,
    secrets: dict[str, dict[str, str]],
) -> Generator[Platform]:
    """Data tier, migration and server; the gateway comes and goes with each test."""
    for names in (("postgres",), ("valkey-server", "redis-server"), ("nginx",)):
        programs.required(*names)
    graph, directory = stack("dev"), tmp_path_factory.mktemp("platform")
    postgres = Pod.recorded(graph, "postgres", directory, secrets)
    valkey = Pod.recorded(graph, "redis", directory, secrets)
    server = Pod.recorded(graph, "mcp-server", directory, secrets)
    server.hosts = ("postgres-service", "redis-service")
    migrate = graph.all("kubernetes:batch/v1:Job")[0].inputs["spec"]["template"]["spec"]
    job = Pod("migration", migrate, directory, server.config_maps, secrets, server.hosts)
    outputs = graph.outputs
    token = issuer.token(iss=outputs["issuer"], aud=f"https://{HERE}:{port(8443)}/mcp")
    with (
        run_container(postgres, "postgres"),
        run_container(valkey, "valkey"),
        run_container(job, "migrate") as migration,
        run_container(server, "server") as running,
    ):
        assert migration.exit_status(60) == 0, migration.log
        until(lambda: answers(running, f"http://{HERE}:{port(8081)}/ready"), within_seconds=30)
        yield Platform(running, migration, authority.trust(), token)


@pytest.fixture
def gateway(platform: Platform) -> Generator[RunningContainer]:
    with run_container(platform.server.pod, "gateway") as running:
        until(lambda: answers(running, f"http://{HERE}:{port(8080)}/ready"))
        yield running


def answers(running: RunningContainer, url: str) -> bool:
    assert running.process.poll() is None, running.log
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


@eras
async def test_tools_are_listed_and_called_through_the_gateway(
    platform: Platform, gateway: RunningContainer, era: str
):
    async with platform.client(era) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("echo", {"text": "häl"})
    assert {"echo", "remember", "recall", "node_identity"} <= tools
    assert (text_of(result), result.is_error) == ("häl", False)


async def test_remembered_rows_are_stored_in_the_database(
    platform: Platform, gateway: RunningContainer
):
    async with platform.client("modern") as client:
        await client.call_tool("remember", {"name": "a", "text": "b"})
        assert text_of(await client.call_tool("recall", {"name": "a"})) == "b"


async def test_users_have_keys_and_a_vault_with_the_mounted_master_keys(
    platform: Platform, gateway: RunningContainer
):
    async with platform.client("modern") as client:
        keys = (await client.call_tool("public_keys", {})).structured_content
        assert keys is not None
        arguments = {"text": "häl", "public_key": keys["ml_kem_768"]}
        sealed = text_of(await client.call_tool("seal", arguments))
        assert text_of(await client.call_tool("open_sealed", {"sealed_text": sealed})) == "häl"
        await client.call_tool("vault_write", {"name": "a", "value": "b"})
        assert text_of(await client.call_tool("vault_read", {"name": "a"})) == "b"


def test_the_server_reaches_its_database_and_its_cache(platform: Platform):
    def dependencies() -> dict[str, str]:
        return httpx2.get(f"http://{HERE}:{port(8081)}/ready").json()["dependencies"]

    until(lambda: set(dependencies().values()) == {"reachable"})
    assert set(dependencies()) == {"database", "redis"}


async def test_the_node_of_the_pod_keeps_its_key(platform: Platform, gateway: RunningContainer):
    async with platform.client("modern") as client:
        first = await client.call_tool("node_identity", {})
        second = await client.call_tool("node_identity", {})
    assert not first.is_error, text_of(first)
    assert first.structured_content == second.structured_content
    assert "mcp-server-0" in str(first.structured_content)


@eras
async def test_progress_is_not_held_back(platform: Platform, gateway: RunningContainer, era: str):
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(time.monotonic())

    async with platform.client(era) as client:
        arguments = {"to": 6, "pause_seconds": 0.3}
        await client.call_tool("count", arguments, progress_callback=note)
    assert len(seen) == 6
    assert time.monotonic() - seen[0] > 1


@eras
async def test_a_call_that_its_client_gives_up_is_cancelled_behind_the_gateway(
    platform: Platform, gateway: RunningContainer, era: str
):
    async with platform.client(era) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "wait", {"seconds": 50})
        await eventually(lambda: platform.calls_in_flight() == 1)
        tasks.cancel_scope.cancel()
    await eventually(lambda: platform.calls_in_flight() == 0)


@eras
async def test_a_stopping_gateway_lets_calls_finish(
    platform: Platform, gateway: RunningContainer, era: str
):
    results: list[CallToolResult] = []

    async def call() -> None:
        async with platform.client(era) as client:
            await client.list_tools()  # else the client does it after its first call
            results.append(await client.call_tool("wait", {"seconds": 2}))

    with contextlib.suppress(BaseExceptionGroup):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await eventually(lambda: platform.calls_in_flight() == 1)
            gateway.terminate()
    assert [text_of(result) for result in results] == ["waited 2 s"]
    assert await anyio.to_thread.run_sync(gateway.exit_status) == 0


@pytest.mark.parametrize("host", ["10.250.1.3", "localhost:8443", "[::1]:8443"])
def test_the_metadata_names_the_host_that_was_asked(
    platform: Platform, gateway: RunningContainer, host: str
):
    answer = platform.get(METADATA, host=host)
    assert answer.json()["resource"] == f"https://{host}/mcp"
    assert answer.json()["authorization_servers"] == [stack("dev").outputs["issuer"]]


def test_a_host_name_that_is_not_the_platforms_is_not_advertised(
    platform: Platform, gateway: RunningContainer
):
    answer = platform.get(METADATA, host="mcp.example.test")
    assert (answer.status_code, "mcp.example.test" in answer.text) == (421, False)


def test_a_token_of_eleven_kilobytes_reaches_the_server(
    platform: Platform, gateway: RunningContainer, issuer: Issuer
):
    claims: Any = {"iss": stack("dev").outputs["issuer"], "aud": f"https://{HERE}:{port(8443)}/mcp"}
    token = issuer.token(**claims, groups=["g" * 100] * 78)
    assert 11_000 < len(token) < 12_000
    answer = httpx2.post(
        f"https://{HERE}:{port(8443)}/mcp",
        verify=platform.trust,
        headers={"authorization": f"Bearer {token}"},
        json={},
    )
    assert answer.json()["jsonrpc"] == "2.0"  # of the server, which has accepted the token


def test_a_client_without_a_token_gets_the_metadata_url(
    platform: Platform, gateway: RunningContainer
):
    answer = platform.get("/mcp", host="10.250.1.3")
    assert answer.status_code == 401
    assert f'resource_metadata="https://10.250.1.3{METADATA}"' in answer.headers["www-authenticate"]
    assert "strict-transport-security" in answer.headers


def test_health_is_answered_over_tls_by_the_server(platform: Platform, gateway: RunningContainer):
    assert platform.get("/health").json() == {"status": "alive"}


def test_answers_are_not_delayed_by_nagles_algorithm(platform: Platform):
    """Where Nagle's algorithm meets delayed acknowledgements, each answer takes 40 ms."""
    seconds: list[float] = []
    with httpx2.Client(verify=platform.trust) as client:
        for _ in range(50):
            began = time.perf_counter()
            client.get(f"https://{HERE}:{port(8444)}/health")
            seconds.append(time.perf_counter() - began)
    assert statistics.median(seconds) < 0.03


def test_no_password_is_on_a_command_line_or_in_a_log(platform: Platform):
    said = [*platform.server.command_lines(), platform.server.log, platform.migration.log]
    assert not [text for text in said for password in PASSWORDS.values() if password in text]
