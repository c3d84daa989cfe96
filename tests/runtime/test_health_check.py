"""`--health-check` and `--version`, as a container's health check and an operator call them."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from runtime import __version__
from tests.harness.server import (
    RunningServer,
    free_port,
    run_program,
    serving,
    settings,
    write_config,
)
from tests.harness.tokens import Issuer


def test_the_version_is_printed_with_the_programs_name():
    ended = run_program("--version")
    assert (ended.status, ended.stdout) == (0, f"qudag-mcp-server {__version__}\n")


def test_a_running_server_is_healthy(dual: RunningServer):
    ended = run_program("--health-check", "--config", dual.config_file)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_with_tls_on_every_address_is_healthy(tmp_path: Path, issuer: Issuer, host: str):
    server = {"host": host, "tls_port": free_port(), "tls_self_signed": True}
    with serving(tmp_path, issuer, server=server) as running:
        assert run_program("--health-check", "--config", running.config_file).status == 0


def write(directory: Path, issuer: Issuer) -> tuple[Path, dict[str, Any]]:
    config = settings(issuer)
    return write_config(directory, config), config


def test_without_a_server_the_health_check_fails_and_names_the_address(
    tmp_path: Path, issuer: Issuer
):
    file, config = write(tmp_path, issuer)
    ended = run_program("--health-check", "--config", file)
    assert ended.status == 1
    assert f"127.0.0.1:{config['server']['port']}/health" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", "answered 503"), (b"", "no answer")],
)
def test_a_server_with_another_answer_than_200_is_not_healthy(
    tmp_path: Path, issuer: Issuer, answer: bytes, told: str
):
    file, config = write(tmp_path, issuer)
    with socket.create_server(("127.0.0.1", config["server"]["port"])) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer)

        answering = threading.Thread(target=serve)
        answering.start()
        ended = run_program("--health-check", "--config", file)
        answering.join()
    assert ended.status == 1
    assert told in ended.stderr


def test_an_invalid_configuration_has_its_own_exit_status(tmp_path: Path):
    file = tmp_path / "server.toml"
    file.write_text("x = 1")
    assert run_program("--health-check", "--config", file).status == 2
