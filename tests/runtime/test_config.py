"""Each mistake in server.toml is one line with its key, and the exit status is 2."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import ValidationError

from runtime.config import DatabaseSection, load_environment
from runtime.config_files import load
from runtime.toml_config import ConfigError
from tests.harness.server import run_program, settings, write_config
from tests.harness.tokens import Issuer

ROOT = Path(__file__).parents[2]


def mistakes(directory: Path, config: dict[str, Any]) -> list[str]:
    source = directory / "server.toml"
    source.write_text(tomli_w.dumps(config))
    with pytest.raises(ConfigError) as refused:
        load(source)
    return [problem.removeprefix(f"{source}: ") for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"server": {"prot": 1}}, "server.prot: unknown key; did you mean port?"),
        ({"servers": {}}, "servers: unknown key; did you mean server?"),
        ({"server": {"port": 0}}, "server.port: input should be greater than or equal to 1"),
        ({"server": {"role": "boss"}}, "server.role: input should be 'monolith', 'core'"),
        ({"server": {"tls_port": 1}}, "server: tls_port, tls_cert and tls_key belong together"),
        ({"server": {"tls_self_signed": True}}, "server: tls_self_signed has no effect without"),
        (
            {"server": {"tls_port": 1, "tls_self_signed": True, "tls_cert": "a", "tls_key": "b"}},
            "server: tls_self_signed replaces tls_cert and tls_key",
        ),
        ({"server": {"port": 80, "metrics_port": 80}}, "must differ"),
        (
            {"protocol": {"era": "old"}},
            "protocol.era: input should be 'dual', 'modern'",
        ),
        ({"protocol": {"drain_seconds": 60}}, "a call may run 60 s: set drain_seconds higher"),
        ({"auth": {"issuer": "i"}}, "exactly one of jwks_file and jwks_url"),
        ({"auth": {"jwks_file": "f"}}, "auth.issuer: missing"),
        (
            {"auth": {"issuer": "i", "jwks_file": "f", "audience": "a"}},
            "audience is a, which is not the URL of this server",
        ),
        (
            {
                "auth": {
                    "issuer": "i",
                    "jwks_file": "f",
                    "audience": "https://one.test/mcp",
                    "resource_url": "https://other.test/mcp",
                }
            },
            "audience is https://one.test/mcp, but resource_url is https://other.test/mcp",
        ),
        (
            {
                "auth": {
                    "issuer": "i",
                    "jwks_file": "f",
                    "additional_issuers": [{"issuer": "i", "jwks_file": "g"}],
                }
            },
            "name one issuer twice",
        ),
        ({"database": {"host": "h", "user": "u"}}, "database.name: missing"),
        ({"database": {"host": "h", "user": "u", "name": "n", "usr": 1}}, "did you mean user?"),
        ({"logging": {"level": "loud"}}, "logging.level"),
        ({"redis": {"host": "h", "password_file": "f", "password_env": "E"}}, "not both"),
        ({"state": {"kind": "dynamodb"}}, "state: kind dynamodb needs sessions"),
        ({"state": {"kind": "valkey"}}, "state.kind is valkey: add the section [redis]"),
        ({"redis": {"host": "h", "max_connections": 0}}, "redis.max_connections"),
        ({"qudag": {"node_config": "n", "consensus_timeout": "soon"}}, "qudag.consensus_timeout"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, issuer: Issuer, section: dict[str, Any], said: str
):
    base = settings(issuer, protocol={"longest_tool_seconds": 60, "drain_seconds": 65})
    for name, table in section.items():
        base[name] = table if name in ("auth", "servers") else base.get(name, {}) | table
    assert any(said in mistake for mistake in mistakes(tmp_path, base)), mistakes(tmp_path, base)


def test_all_mistakes_are_reported_at_once(tmp_path: Path):
    assert len(mistakes(tmp_path, {"server": {"port": 0}, "logging": {"level": "x"}})) == 3


@pytest.mark.parametrize("content", [b"port = ", b"\xff", b"[server]\nport = 1\nport = 2\n"])
def test_invalid_toml_is_reported(tmp_path: Path, content: bytes):
    source = tmp_path / "server.toml"
    source.write_bytes(content)
    with pytest.raises(ConfigError, match="is not TOML"):
        load(source)


def test_the_program_says_it_in_one_line_and_exits_with_2(tmp_path: Path, issuer: Issuer):
    source = write_config(tmp_path, settings(issuer, server={"prot": 1}))
    result = run_program("--config", source)
    assert result.status == 2
    expected = f"qudag-mcp-server: {source}: server.prot: unknown key; did you mean port?\n"
    assert result.stderr == expected


def test_python_m_runtime_is_the_server_program(tmp_path: Path):
    command = [sys.executable, "-m", "runtime", "--config", str(tmp_path / "none.toml")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    expected = (
        f"qudag-mcp-server: {tmp_path}/none.toml: cannot be read: No such file or directory\n"
    )
    assert result.stderr == expected


def test_absent_files_are_named_before_anything_starts(tmp_path: Path, issuer: Issuer):
    issuer = Issuer(issuer.key, tmp_path / "absent.json")
    result = run_program("--config", write_config(tmp_path, settings(issuer)))
    assert result.status == 2
    assert f"auth.jwks_file: {tmp_path}/absent.json does not exist" in result.stderr


def test_an_absent_password_is_named_before_anything_starts(tmp_path: Path, issuer: Issuer):
    database = {"host": "h", "name": "n", "user": "u", "password_env": "QUDAG_TEST_ABSENT"}
    result = run_program("--config", write_config(tmp_path, settings(issuer, database=database)))
    assert result.status == 2
    assert "database.password_env: QUDAG_TEST_ABSENT is not set" in result.stderr


def test_the_environment_holds_a_configuration(monkeypatch: pytest.MonkeyPatch, issuer: Issuer):
    database = {"host": "h", "name": "n", "user": "u", "password_env": "DATABASE_PASSWORD"}
    monkeypatch.setenv("QUDAG_MCP_CONFIG", tomli_w.dumps(settings(issuer, database=database)))
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    config = load_environment()
    assert config.database is not None
    assert config.database.password() == "secret"
    assert config.absent() == []


@pytest.mark.parametrize(("server", "port"), [({}, 9000), ({"port": 8081}, 8081)])
def test_the_clouds_port_is_the_servers_unless_it_names_one(
    monkeypatch: pytest.MonkeyPatch, issuer: Issuer, server: dict[str, Any], port: int
):
    content = tomli_w.dumps(settings(issuer) | {"server": server})
    monkeypatch.setenv("QUDAG_MCP_CONFIG", content)
    monkeypatch.setenv("PORT", "9000")
    assert load_environment().server.port == port


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[server]\nprot = 1\n", "server.prot: unknown key; did you mean port?"),
        ("port = ", "is not TOML"),
        ("server = 1\n", "server: "),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, content: str, said: str
):
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("QUDAG_MCP_CONFIG", content)
    with pytest.raises(ConfigError) as refused:
        load_environment()
    assert any(f"QUDAG_MCP_CONFIG: {said}" in problem for problem in refused.value.problems)


def test_a_missing_configuration_variable_is_reported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("QUDAG_MCP_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="QUDAG_MCP_CONFIG: is not set"):
        load_environment()


def test_the_program_without_a_file_reads_the_environment():
    result = subprocess.run(
        [sys.executable, "-m", "runtime"],
        cwd=ROOT,
        env={"QUDAG_MCP_CONFIG": "prot = 1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "qudag-mcp-server: QUDAG_MCP_CONFIG: prot: unknown key" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_named(tmp_path: Path, issuer: Issuer):
    config = settings(issuer)
    with socket.create_server(("127.0.0.1", config["server"]["port"])):
        result = run_program("--config", write_config(tmp_path, config))
    assert result.status == 1
    port = config["server"]["port"]
    assert result.stderr.splitlines()[-1].startswith(
        f"qudag-mcp-server: cannot listen on 127.0.0.1:{port}: Address already in use"
    )


DATABASE_WITH_TOKEN = {"host": "db.example.com", "name": "n", "user": "u", "token": "rds"}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "ca_file is missing"),
        ({"ca_file": "/ca.crt", "password_file": "/password"}, "there is a password"),
        ({"ca_file": "/ca.crt", "password_env": "PASSWORD"}, "there is a password"),
        ({"ca_file": "/ca.crt", "token": "azure", "region": "eu-west-1"}, "leave region out"),
        ({"ca_file": "/ca.crt", "token": "gcp"}, "cloud-sql"),
        ({"ca_file": "/ca.crt", "region": "Ireland"}, "region"),
    ],
)
def test_a_token_is_sent_to_a_verified_database_and_replaces_the_password(
    section: dict[str, str], said: str
):
    with pytest.raises(ValidationError, match=said):
        DatabaseSection.model_validate({**DATABASE_WITH_TOKEN, **section})


def test_a_token_may_go_to_a_proxy_in_the_same_pod_without_tls():
    local = {**DATABASE_WITH_TOKEN, "host": "127.0.0.1"}
    assert DatabaseSection.model_validate(local).token == "rds"
