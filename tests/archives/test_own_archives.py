"""The archives of the example folder run under the real programs of their clouds.

Each host has on its path what its cloud has: its own program with the libraries of that program,
and the unpacked archive. Nothing else of this project's environment is importable.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import zipfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import pytest

from archives import build
from archives.hosts import HOSTS, Host, native
from archives.own_code import OwnCode
from components.base.problems import ProblemReport
from tests.harness.containers import ROOT
from tests.harness.dynamodb import CREDENTIALS
from tests.harness.host_programs import (
    FUNCTIONS_HOST,
    INSTANCES,
    answers,
    environment,
    running,
    tables,
)
from tests.harness.hosted_server import HostedServer, Process
from tests.harness.lambda_service import LambdaService
from tests.harness.server import ERAS, free_port, text_of, until
from tests.harness.tokens import ISSUER, Issuer
from tools.bench.cold_start import unpack

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "examples/functions/weather"
SCOPE = "weather.read"
RUN = "import runpy, sys; sys.path[:0] = sys.argv.pop(1).split(':'); del sys.argv[0]; "
LAMBDA_LIBRARIES = (
    *("awslambdaric", "simplejson", "snapshot-restore-py", "boto3", "botocore"),
    *("s3transfer", "jmespath", "python-dateutil", "six", "urllib3"),
)
WORKER_LIBRARIES = ("azure-functions-runtime", "python-dateutil", "six")


def own(host: Host, folder: Path = EXAMPLE, entry: str = "server:mcp") -> Host:
    return replace(host, code=OwnCode(folder=folder, entry=entry))


def installed(folder: Path, *distributions: str) -> Path:
    """Links to the modules of installed distributions, in a folder."""
    folder.mkdir()
    for name in distributions:
        for file in distribution(name).files or ():
            top = file.parts[0]
            if top not in {"..", "bin", "__pycache__"} and not (folder / top).exists():
                (folder / top).symlink_to(str(distribution(name).locate_file(top)))
    return folder


def program(python: str, path: list[Path], run: str, *arguments: str) -> list[str]:
    """A command that starts Python with only these folders and its standard library."""
    joined = ":".join(str(place) for place in path)
    return [python, "-I", "-S", "-c", RUN + run, joined, *arguments]


def auth(issuer: Issuer) -> dict[str, object]:
    return {
        "issuer": ISSUER,
        "additional_audiences": ["https://mcp.test/mcp"],
        "jwks_file": str(issuer.jwks_file),
        "required_scopes": [SCOPE],
    }


@contextlib.contextmanager
def aws(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """The archive for this machine under awslambdaric, with the libraries that Lambda provides."""
    unpack(build.make(own(native(HOSTS["aws-lambda"])), directory), directory / "task")
    path = [directory / "task", installed(directory / "runtime", *LAMBDA_LIBRARIES)]
    handler = "qudag_mcp_server.hosts.aws_lambda.handler"
    run = "runpy.run_module('awslambdaric', run_name='__main__', alter_sys=True)"
    service = LambdaService("http-api")
    with tables() as database:
        variables = environment(
            issuer,
            auth=auth(issuer),
            state={"kind": "dynamodb", "sessions": "sessions", "connections": "connections"},
            AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{service.api_port}",
            AWS_ENDPOINT_URL=database,
            **CREDENTIALS,
        )
        command = program(sys.executable, path, run, "awslambdaric", handler)
        with service.serving():
            processes = [
                Process(command, variables, directory / "task", directory / f"log-{number}")
                for number in range(INSTANCES)
            ]
            url = f"http://localhost:{service.ports['http-api']}"
            with running(*processes, ready=lambda: service.idle >= INSTANCES):
                yield HostedServer(url, issuer, [process.log_file for process in processes])


@contextlib.contextmanager
def gcp(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """The archive under the framework that Google's build installs, with the cloud's Python."""
    if platform.machine() != "x86_64":
        pytest.skip("its native modules are for x86-64")
    host = own(HOSTS["gcp-function"])
    unpack(build.make(host, directory), directory / "app")
    python = build.interpreter(host)
    framework = directory / "framework"
    install = ["pip", "install", "--target", framework, "--require-hashes", "--python", python]
    assert build.run_uv([*install, "-r", directory / "app/requirements.txt"]).returncode == 0
    port = free_port()
    variables = environment(
        issuer,
        auth=auth(issuer),
        PORT=str(port),
        HOST="127.0.0.1",
        FUNCTION_TARGET="mcp",
    )
    run = "from functions_framework._cli import _cli; sys.argv.insert(0, 'framework'); _cli()"
    command = program(python, [framework], run)
    process = Process(command, variables, directory / "app", directory / "log")
    server = HostedServer(f"http://localhost:{port}", issuer, [process.log_file])
    with running(process, ready=answers(f"{server.base}/ready")):
        yield server


@contextlib.contextmanager
def azure(directory: Path, issuer: Issuer) -> Generator[HostedServer]:
    """The archive for this machine in Azure's worker library."""
    host = own(native(HOSTS["azure-function"]))
    unpack(build.make(host, directory), directory / "app")
    libraries = directory / "app" / host.libraries
    path = [directory / "app", libraries, installed(directory / "worker", *WORKER_LIBRARIES)]
    port = free_port()
    run = "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = program(
        sys.executable, path, run, str(FUNCTIONS_HOST), str(directory / "app"), str(port)
    )
    variables = environment(issuer, auth=auth(issuer))
    process = Process(command, variables, directory / "app", directory / "log")
    server = HostedServer(f"http://localhost:{port}/api", issuer, [process.log_file])
    with running(process, ready=answers(f"http://localhost:{port}/api/ready")):
        yield server


STARTS: dict[str, Callable[..., contextlib.AbstractContextManager[HostedServer]]] = {
    "aws": aws,
    "gcp": gcp,
    "azure": azure,
}


@pytest.fixture(scope="module", params=STARTS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[HostedServer]:
    directory = tmp_path_factory.mktemp(request.param)
    issuer = Issuer.at(directory)
    with ExitStack() as stack:
        yield stack.enter_context(STARTS[request.param](directory, issuer))


@pytest.mark.parametrize("era", ERAS)
async def test_the_official_client_calls_a_tool_with_a_token(server: HostedServer, era: str):
    async with server.client(era, server.issuer.token(scope=SCOPE)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["daylight"]
        result = await client.call_tool("daylight", {"city": "Bern", "date": "2026-06-21"})
        assert not result.is_error
        assert json.loads(text_of(result))["sunrise"].startswith("2026-06-21T03:3")
        read = await client.read_resource("cities://all")
        assert "nairobi" in read.contents[0].model_dump()["text"]
        assert (await client.call_tool("daylight", {"city": "x", "date": "2026-06-21"})).is_error
    # Its lines arrive through a pipe, after the answers.
    until(lambda: server.outcomes("daylight")[-2:] == ["ok", "tool_error"])


@pytest.mark.parametrize("era", ERAS)
def test_a_request_without_a_token_is_refused(server: HostedServer, era: str):
    assert server.post(server.opening(era), era, token=None).status_code == 401
    forged = server.issuer.token(scope=SCOPE, aud="https://other.test/mcp")
    assert server.post(server.opening(era), era, token=forged).status_code == 401
    assert server.post(server.opening(era), era).status_code == 403
    allowed = server.issuer.token(scope=SCOPE)
    assert server.post(server.opening(era), era, token=allowed).status_code == 200


def test_the_metadata_of_the_resource_can_be_read(server: HostedServer):
    found = server.get(f"{server.base}/.well-known/oauth-protected-resource/mcp").json()
    assert found["resource"] == server.url
    assert found["scopes_supported"] == [SCOPE]


def test_a_folder_gives_the_same_bytes_again(tmp_path: Path):
    host = own(native(HOSTS["aws-lambda"]))
    made: list[bytes] = []
    for number, mask in enumerate((0o022, 0o077)):
        copy = tmp_path / f"{number}" / "weather"
        copy.mkdir(parents=True)
        for name, file in OwnCode(folder=EXAMPLE).files().items():
            (copy / name).write_bytes(file.read_bytes())
        (copy / "__pycache__").mkdir()
        (copy / "__pycache__/server.pyc").write_text(str(number))
        before = os.umask(mask)
        work = tmp_path / f"work-{number}"
        work.mkdir()
        made.append(build.make(own(host, copy), work).read_bytes())
        os.umask(before)
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "work-0/archive.zip") as archive:
        names = set(archive.namelist())
    assert {name for name in names if name.startswith("server_code/") and ".pyc" not in name} == {
        f"server_code/{name}" for name in OwnCode(folder=EXAMPLE).files()
    }
    assert "astral/sun.py" in names
    assert "bin/uvicorn" not in names


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "httpx==0.28.1\n"}, "httpx needs certifi, which is not listed"),
        ({"astral.py": "", "requirements.txt": "astral==3.2\n"}, "has a module astral"),
        ({"requirements.txt": "dataclasses==0.6\n"}, "has a module dataclasses"),
        ({"broken.py": "def f(:\n"}, "broken.py is not Python"),
        (
            {"requirements.txt": "no-such-library-of-anybody==1\n"},
            "its libraries cannot be fetched",
        ),
    ],
)
def test_what_only_a_build_can_find_is_refused(tmp_path: Path, files: dict[str, str], said: str):
    folder = tmp_path / "own"
    folder.mkdir()
    for name, content in {"server.py": "mcp = 1\n", **files}.items():
        (folder / name).write_text(content)
    (tmp_path / "work").mkdir()
    with pytest.raises(ProblemReport) as report:
        build.make(own(native(HOSTS["aws-lambda"]), folder), tmp_path / "work")
    assert said in str(report.value)
    assert report.value.problems[0].path.startswith("archive aws-lambda")
