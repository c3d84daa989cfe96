"""`add-server` asks, shows what would change, and changes the stack file or nothing."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from delivery.cli import app
from graph.stack_yaml import read_stack_file
from tests.harness import stdio_program
from tests.harness.containers import ROOT
from tests.harness.oci_images import Image, Registry, serving
from tests.harness.user_servers import EXAMPLE

SETTINGS: Mapping[str, Any] = {
    "ExposedPorts": {"8080/tcp": {}},
    "User": "1000",
    "Entrypoint": ["weather-mcp"],
}
PROGRAM = shlex.join([sys.executable, str(Path(stdio_program.__file__))])
FOLDERS = ("archives", "components", "delivery", "graph", "policies", "review", "runtime", "stacks")


@pytest.fixture(scope="module")
def registry() -> Generator[Registry]:
    with serving(Registry(Image(SETTINGS, ("linux/amd64", "linux/arm64")))) as running:
        yield running


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program with stack files of its own."""
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    for folder in FOLDERS:
        (tmp_path / folder).symlink_to(ROOT / folder)
    for file in ("Pulumi.yaml", "__main__.py", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    (tmp_path / "Pulumi.servers.yaml").write_bytes(EXAMPLE.read_bytes())
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["add-server", *arguments])
    return result.exit_code, result.stdout, result.stderr


def servers(file: Path) -> dict[str, dict[str, object]]:
    return read_stack_file(file).get("qudag-mcp:servers", {})


def test_a_dry_run_shows_the_entry_and_writes_nothing(registry: Registry):
    before = (ROOT / "Pulumi.dev.yaml").read_bytes()
    status, shown, said = run(registry.name, "--dry-run")
    assert (ROOT / "Pulumi.dev.yaml").read_bytes() == before
    assert status == 0, said
    assert f"+      image: {registry.name}@{registry.image.digest}" in shown
    assert "+    weather:" in shown
    assert "+      port: 8080" in shown
    assert "+      # unknown: transport, path, era and tools" in shown
    assert "linux/amd64, linux/arm64" in shown


def test_two_instances_are_wrong_usage():
    assert run("a/b:1", "--url", "http://localhost:1", "--command", "x")[0] == 2
    assert run()[0] == 2
    assert run("a/b:1", "--from-archive", "no-such-file")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["A/b"], "is not the name of an image"),
        (["a/b:1", "--name", "A"], "--name: is not the name of a server"),
        (["a.example/x/9:1"], "would be a server named '9'"),
        (["a/b:1", "--stack", "dve"], "did you mean dev?"),
        (["localhost:9/b:1", "--command", "'"], "close the quotes"),
        (["localhost:9/b:1", "--command", " "], "--command: is empty"),
        (["localhost:9/b:1"], "it cannot be reached"),
    ],
)
def test_a_mistake_is_a_message_and_status_one(arguments: list[str], said: str):
    status, shown, told = run(*arguments)
    assert (status, shown) == (1, "")
    assert said in told


@pytest.mark.slow
def test_a_server_is_added_once_and_replaced_on_request(registry: Registry, clone: Path):
    file = clone / "Pulumi.servers.yaml"
    before = file.read_text()
    place = ["-C", str(clone), "--stack", "servers"]
    status, _, said = run(registry.name, *place)
    assert status == 0, said
    assert file.read_text().startswith(before)
    assert servers(file)["weather"] == {
        "image": f"{registry.name}@{registry.image.digest}",
        "port": 8080,
        "user": 1000,
    }
    once = file.read_text()
    status, _, said = run(registry.name, *place)
    assert status == 1
    assert "has a server of that name" in said
    assert file.read_text() == once
    asked = ["--command", f"{PROGRAM} --era modern", "--replace"]
    status, shown, said = run(registry.name, *place, *asked)
    assert status == 0, said
    assert servers(file)["weather"]["transport"] == "stdio"
    assert "-      port: 8080" in shown


@pytest.mark.slow
def test_a_stack_that_is_refused_with_the_server_keeps_its_file(clone: Path):
    before = (clone / "Pulumi.prod.yaml").read_bytes()
    place = ["-C", str(clone), "--stack", "prod", "--name", "weather"]
    status, shown, said = run("localhost:9/b:1", *place, "--command", PROGRAM)
    assert (status, shown) == (1, "")
    assert "servers.weather.image" in said
    assert "has no digest" in said
    assert (clone / "Pulumi.prod.yaml").read_bytes() == before


@pytest.mark.slow
def test_an_interruption_changes_nothing_and_has_the_status_130(clone: Path):
    before = {file.name: file.read_bytes() for file in clone.iterdir() if file.is_file()}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"localhost:{silent.getsockname()[1]}/b:1"
        argv = [sys.executable, "-m", "delivery", "add-server", image, "-C", str(clone)]
        command = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        silent.accept()
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=60)
    assert command.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert {file.name: file.read_bytes() for file in clone.iterdir() if file.is_file()} == before


def test_the_command_line_starts_without_the_modules_of_this_command():
    code = (
        "import delivery.cli, sys;"
        "sys.exit(any(name in sys.modules for name in ('httpx2', 'mcp', 'yaml', 'pydantic')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0
