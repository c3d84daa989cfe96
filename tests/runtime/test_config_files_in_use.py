"""A changed value in a configuration file or variable changes what the running server does."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from components.mcp.config_forms import ConfigForm
from components.mcp.server_config import Cache, Database, PodAuth
from components.mcp.server_limits import ServerLimits
from components.mcp.timeout_budget import TimeoutBudget
from tests.harness.certificates import Authority
from tests.harness.minimal_args import config
from tests.harness.processes import Program
from tests.harness.server import (
    STARTS_WITHIN_SECONDS,
    RunningServer,
    fetch,
    free_port,
    text_of,
    until,
)
from tests.harness.server_files import WrittenFiles, written
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

pytestmark = pytest.mark.slow
Started = Callable[..., contextlib.AbstractContextManager[RunningServer]]


@pytest.fixture
def started(tmp_path: Path, issuer: Issuer) -> Started:
    """Starts the server with the files of a form, after a change of them."""
    authority = Authority.at(tmp_path)
    certificate = authority.issue()
    etc = tmp_path / "etc"
    for name, sources in {
        "internal-tls": certificate,
        "internal-ca": [authority.ca_file],
        "issuer": [issuer.jwks_file],
    }.items():
        (etc / name).mkdir(parents=True)
        for source in sources:
            shutil.copy(source, etc / name / source.name)
    (etc / "secrets").mkdir()
    for name in ("database", "redis"):
        (etc / "secrets" / f"{name}-password").write_text("secret")

    @contextlib.contextmanager
    def start(
        form: ConfigForm,
        change: Callable[[WrittenFiles], None] = lambda files: None,
        **values: Any,
    ) -> Generator[RunningServer]:
        ports = {"port": free_port(), "tls_port": free_port(), "metrics_port": free_port()}
        given: dict[str, Any] = {
            "role": "tools",
            "era": "modern",
            "http": ports["port"],
            "https": ports["tls_port"],
            "auth": PodAuth(
                issuer=ISSUER, jwks_secret="issuer-keys", additional_audiences=[AUDIENCE]
            ),
        }
        files = written(tmp_path, config(**given | values, form=form))
        if form == "server.yaml":
            files.change_yaml("monitoring", metrics_port=ports["metrics_port"])
        else:
            files.change_toml("server", metrics_port=ports["metrics_port"])
        change(files)
        source = files.server_toml
        output = source.with_suffix(".out"), source.with_suffix(".log")
        program = Program(["--config", str(source)], *output, files.variables)
        verify = ssl.create_default_context(cafile=authority.ca_file)
        server = RunningServer(program, {"server": ports}, source, issuer, verify)
        try:
            until(
                lambda: program.exit_status is not None or answers(ports["tls_port"]),
                STARTS_WITHIN_SECONDS,
            )
            assert program.exit_status is None, server.log_file.read_text()
            yield server
        finally:
            program.kill()

    return start


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_server_yaml_decides_ports_name_connections_and_metrics(started: Started):
    other, metrics = free_port(), free_port()

    def change(files: WrittenFiles) -> None:
        files.change_yaml("server", name="renamed", port=other, max_connections=1)
        files.change_yaml("monitoring", metrics_port=metrics)

    with started("server.yaml", change) as server:
        assert fetch(f"http://127.0.0.1:{other}/health").status_code == 200
        assert not answers(server.config["server"]["port"])
        assert fetch(f"http://127.0.0.1:{metrics}/metrics").status_code == 200
        assert {line["server"] for line in server.log()} == {"renamed"}
        with httpx2.Client(verify=server.verify) as first:
            assert first.get(f"{server.base}/health").status_code == 200
            assert server.get("/health").status_code == 503


def test_server_yaml_decides_workers_and_logs(started: Started):
    def change(files: WrittenFiles) -> None:
        files.change_yaml("server", worker_threads=2, bind_address="127.0.0.1")
        files.change_yaml("monitoring", metrics_enabled=False)
        files.change_yaml("logging", level="debug", format="text")

    with started("server.yaml", change, log_level="error") as server:
        text = until(lambda: (said := server.log_file.read_text()).count("serving ") >= 2 and said)
        assert "worker=" in text
        assert "{" not in text.splitlines()[0]
        assert not answers(server.config["server"]["metrics_port"])


def test_server_yaml_with_another_health_path_is_refused(started: Started):
    def change(files: WrittenFiles) -> None:
        files.change_yaml("monitoring", health_check_path="/healthz")

    refused = pytest.raises(AssertionError, match="is /healthz, and must be /health")
    with refused, started("server.yaml", change):
        pass


def put(directory: str, key: str, value: str) -> Callable[[WrittenFiles], None]:
    def change(files: WrittenFiles) -> None:
        (files.directories[directory] / key).write_text(value)

    return change


def test_global_and_region_config_decide_calls_their_time_and_what_logs_say(started: Started):
    values = {
        "budget": TimeoutBudget(longest_tool=2),
        "limits": ServerLimits(concurrent_calls=1),
        "region": "eu-west-1",
        "log_level": "info",
    }
    with started("global-config", **values) as server:
        assert {(line["environment"], line["region"]) for line in server.log()} == {
            ("staging", "eu-west-1")
        }

        async def both() -> list[str]:
            said: list[str] = []

            async def call() -> None:
                result = await client.call_tool("wait", {"seconds": 60})
                assert result.is_error
                said.append(text_of(result))

            async with server.client() as client, anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                tasks.start_soon(call)
            return said

        first, second = anyio.run(both)
        assert first == "The limit of concurrent calls (1) is reached; try again."
        assert "ran longer than 2 s" in second
        assert server.metric("mcp_limited_total", limit="calls") == 1
        assert server.metric("qudag_mcp_server_build_info", region="eu-west-1") == 1


@pytest.mark.parametrize(("enabled", "statuses"), [("true", {200, 429}), ("false", {200})])
def test_global_config_switches_the_limit_of_messages(
    started: Started, enabled: str, statuses: set[int]
):
    change = put("mcp-global-config", "RATE_LIMITING_ENABLED", enabled)
    limits = ServerLimits(messages_per_second=1, burst=1)
    with started("global-config", change, limits=limits) as server:
        assert {server.post_modern("tools/list").status_code for _ in range(6)} == statuses


def test_global_config_switches_metrics_and_levels(started: Started):
    def change(files: WrittenFiles) -> None:
        put("mcp-global-config", "MONITORING_ENABLED", "false")(files)
        put("mcp-global-config", "LOG_LEVEL", "ERROR")(files)

    with started("global-config", change) as server:
        assert server.get("/health").status_code == 200
        assert server.log() == []
        assert not answers(server.config["server"]["metrics_port"])


@contextlib.contextmanager
def listening() -> Generator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


def test_global_config_says_where_the_stores_are(started: Started):
    with listening() as database, listening() as cache:
        stores = {
            "database": Database(host="postgres.test", port=database.getsockname()[1]),
            "cache": Cache(host="redis.test", port=cache.getsockname()[1]),
        }

        def change(files: WrittenFiles) -> None:
            put("mcp-global-config", "POSTGRES_HOST", "127.0.0.1")(files)
            put("mcp-global-config", "REDIS_HOST", "127.0.0.1")(files)

        with started("global-config", change, **stores, role="state"):
            for store in (database, cache):
                store.accept()[0].close()


def test_variables_decide_issuer_audience_logs_and_the_cache(started: Started):
    with listening() as cache:

        def change(files: WrittenFiles) -> None:
            files.variables["QUDAG_OAUTH2_ISSUER_URL"] = "https://other-issuer.test"
            files.variables["QUDAG_OAUTH2_AUDIENCE"] = "https://127.0.0.1/mcp"
            files.variables["QUDAG_LOG_FORMAT"] = "text"
            files.variables["QUDAG_REDIS_URL"] = f"rediss://127.0.0.1:{cache.getsockname()[1]}"
            files.change_toml("auth", resource_hosts=None, forwarded_host=None)

        values = {"cache": Cache(host="redis.test"), "log_level": "info"}
        with started("environment", change, **values) as server:
            cache.accept()[0].close()
            metadata = server.get("/.well-known/oauth-protected-resource/mcp").json()
            assert metadata["authorization_servers"] == ["https://other-issuer.test"]
            assert metadata["resource"] == "https://127.0.0.1/mcp"
            assert server.post_modern("tools/list").status_code == 401
            assert not server.log_file.read_text().startswith("{")


def test_variables_decide_the_rate_of_messages(started: Started):
    def change(files: WrittenFiles) -> None:
        files.variables["QUDAG_RATE_LIMIT"] = "1"
        files.change_toml("limits", burst=0)

    with started("environment", change) as server:
        statuses = {server.post_modern("tools/list").status_code for _ in range(6)}
        assert statuses == {200, 429}
