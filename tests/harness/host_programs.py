"""Starts the server on each of its hosts with the host's real program, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import tomli_w

from .dynamodb import CREDENTIALS, REGION, create_table
from .hosted_server import HostedServer, Process
from .lambda_service import LambdaService
from .server import fetch, free_port, settings, until
from .tokens import Issuer

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime"
FUNCTIONS_HOST = Path(__file__).with_name("azure_functions_host.py")
STARTS_WITHIN_SECONDS = 40
LOOPBACK = {"host": "127.0.0.1"}
MANAGED_RUNTIME = [
    *(sys.executable, "-m", "awslambdaric"),
    "qudag_mcp_server.hosts.aws_lambda.handler",
]
INSTANCES = 2
"""Instances of a function: one handles a call, one handles its cancellation."""


def app_folder(directory: Path) -> Path:
    """Our own files of a function's archive, in a folder."""
    folder = directory / "app"
    if not folder.exists():
        folder.mkdir()
        (folder / "qudag_mcp_server").symlink_to(RUNTIME)
        for name in ("main.py", "function_app.py", "host.json", "stream"):
            shutil.copy(RUNTIME / "hosts" / name, folder / name)
    return folder


def environment(issuer: Issuer, **more: str | Mapping[str, Any]) -> dict[str, str]:
    """Environment variables of a host: given variables, and a configuration with given sections."""
    sections = {name: value for name, value in more.items() if not isinstance(value, str)}
    protocol = {"longest_tool_seconds": 20, "drain_seconds": 21, "allowed_hosts": ["localhost"]}
    sections = {"protocol": protocol} | sections
    content = settings(issuer, **sections) | {"server": sections.get("server", LOOPBACK)}
    return {
        "PATH": os.environ["PATH"],
        "QUDAG_MCP_CONFIG": tomli_w.dumps(content),
        **{name: value for name, value in more.items() if isinstance(value, str)},
    }


@contextlib.contextmanager
def running(*processes: Process, ready: Callable[[], object]) -> Generator[None]:
    """Wait until the processes are ready; kill them at the end."""

    def answered() -> bool:
        assert all(process.alive() for process in processes)
        with contextlib.suppress(httpx2.TransportError):
            return bool(ready())
        return False

    try:
        until(answered, STARTS_WITHIN_SECONDS)
        yield
    finally:
        for process in processes:
            process.end()


def answers(url: str) -> Callable[[], bool]:
    """A function that checks whether a GET request is answered with 200."""
    return lambda: fetch(url).status_code == 200


@contextlib.contextmanager
def uvicorn(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """`qudag-mcp-server` with a configuration file, as in a pod."""
    port = free_port()
    file = directory / "server.toml"
    file.write_text(environment(issuer, server=LOOPBACK | {"port": port})["QUDAG_MCP_CONFIG"])
    program = [sys.executable, "-m", "runtime", "--config", str(file)]
    process = Process(program, {"PATH": os.environ["PATH"]}, ROOT, directory / "log")
    host = HostedServer(f"http://localhost:{port}", issuer, [process.log_file])
    with running(process, ready=answers(f"{host.base}/ready")):
        yield host


@contextlib.contextmanager
def container(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """`qudag-mcp-server` configured by environment, as in a cloud's container service."""
    port = free_port()
    variables = environment(issuer, PORT=str(port), state={"kind": "memory"})
    process = Process([sys.executable, "-m", "runtime"], variables, ROOT, directory / "log")
    host = HostedServer(f"http://localhost:{port}", issuer, [process.log_file])
    with running(process, ready=answers(f"{host.base}/ready")):
        yield host


@contextlib.contextmanager
def cloud_run_function(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """`functions-framework` configured by environment, as the buildpack starts it."""
    port = free_port()
    variables = environment(issuer, PORT=str(port), HOST="127.0.0.1", FUNCTION_TARGET="mcp")
    program = [str(Path(sys.executable).with_name("functions-framework"))]
    process = Process(program, variables, app_folder(directory), directory / "log")
    host = HostedServer(f"http://localhost:{port}", issuer, [process.log_file])
    with running(process, ready=answers(f"{host.base}/ready")):
        yield host


@contextlib.contextmanager
def azure_function(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """Azure's worker library behind the stand-in for the Functions host."""
    port = free_port()
    app = app_folder(directory)
    program = [sys.executable, "-P", str(FUNCTIONS_HOST), str(app), str(port)]
    process = Process(program, environment(issuer), app, directory / "log")
    host = HostedServer(f"http://localhost:{port}/api", issuer, [process.log_file])
    with running(process, ready=answers(f"http://localhost:{port}/api/ready")):
        yield host


@contextlib.contextmanager
def tables() -> Generator[str]:
    """Run DynamoDB (moto) with the function's tables; yields its URL."""
    from botocore.config import Config
    from botocore.session import Session
    from moto.server import ThreadedMotoServer

    from components.aws.session_tables import CONNECTIONS, SESSIONS

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        session: Any = Session()
        client: Any = session.create_client(
            "dynamodb",
            region_name=REGION,
            endpoint_url=address,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            # A second CreateTable after a slow answer would say that the table is there.
            config=Config(read_timeout=300, retries={"total_max_attempts": 1}),
        )
        _warm(address)
        create_table(client, "sessions", SESSIONS)
        create_table(client, "connections", CONNECTIONS)
        yield address
    finally:
        server.stop()


def _warm(address: str) -> None:
    """Empty moto, whose tables are those of this whole process, and let it load its modules."""
    httpx2.post(f"{address}/moto-api/reset", timeout=300).raise_for_status()


def streaming_runtime(app: Path, variables: dict[str, str]) -> list[str]:
    """The command with the wrapper script, as Lambda starts it; adds its variables."""
    wrapper = str(app / "stream")
    variables |= {"AWS_LAMBDA_EXEC_WRAPPER": wrapper, "LAMBDA_TASK_ROOT": str(app)}
    return [wrapper, *MANAGED_RUNTIME]


@contextlib.contextmanager
def lambda_function(
    directory: Path, issuer: Issuer, database: str, *endpoints: str, streaming: bool
) -> Generator[dict[str, HostedServer]]:
    """Run a Lambda function; yields a server per endpoint. Fails if an invocation has failed."""
    app = app_folder(directory)
    service = LambdaService(*endpoints)
    state = {"kind": "dynamodb", "sessions": "sessions", "connections": "connections"}
    variables = environment(
        issuer,
        state=state,
        AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{service.api_port}",
        AWS_ENDPOINT_URL=database,
        **CREDENTIALS,
    )
    command = streaming_runtime(app, variables) if streaming else MANAGED_RUNTIME
    with service.serving():
        processes = [
            Process(command, variables, app, directory / f"log-{number}")
            for number in range(INSTANCES)
        ]
        logs = [process.log_file for process in processes]
        hosts = {
            endpoint: HostedServer(f"http://localhost:{port}", issuer, logs)
            for endpoint, port in service.ports.items()
        }
        with running(*processes, ready=lambda: service.idle >= INSTANCES):
            yield hosts
        assert service.failures == []
