"""The QuDAG stand-in keeps its key, greets its peers and reports errors."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from runtime.qudag_stand_in import NodeConfig, parse_address
from runtime.toml_config import ConfigError, StartError, read_table
from tests.harness.server import (
    RunningServer,
    free_port,
    run_program,
    serving,
    settings,
    text_of,
    write_config,
)
from tests.harness.tokens import Issuer


def node_toml(directory: Path, **tables: dict[str, Any]) -> Path:
    content: dict[str, Any] = {
        "node": {"id": "node-0", "listen_addr": f"/ip4/127.0.0.1/tcp/{free_port()}"},
        "network": {"peers": []},
        "consensus": {"algorithm": "qr-avalanche", "timeout": "10s"},
        "crypto": {"algorithm": "ml-kem-768", "key_path": str(directory / "keys")},
    }
    for name, table in tables.items():
        content[name] |= table
    path = directory / "node.toml"
    path.write_text(tomli_w.dumps(content))
    return path


@contextlib.contextmanager
def node(directory: Path, issuer: Issuer, toml: Path) -> Generator[RunningServer]:
    qudag = {"node_config": str(toml)}
    with serving(directory, issuer, server={"role": "qudag"}, qudag=qudag) as server:
        yield server


async def report(server: RunningServer) -> dict[str, Any]:
    async with server.client() as client:
        return json.loads(text_of(await client.call_tool("node_identity", {})))


async def test_the_identity_survives_a_restart_and_peers_are_asked(tmp_path: Path, issuer: Issuer):
    port, unused = free_port(), free_port()
    listening = {"id": "node-0", "listen_addr": f"/ip4/127.0.0.1/tcp/{port}"}
    peers = [f"/ip4/127.0.0.1/tcp/{port}", f"127.0.0.1:{unused}", "/dns4/no.invalid/tcp/4001"]
    toml = node_toml(tmp_path, node=listening, network={"peers": peers})
    with node(tmp_path, issuer, toml) as server:
        first = await report(server)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            greeting = peer.makefile().readline().strip()
        server.terminate()
        assert server.exit_status() == 0
    assert greeting == f"qudag-node node-0 {first['public_key_sha256']}"
    assert first["algorithm"] == "ml-kem-768"
    assert first["stand_in"] is True
    answers = [{"address": peers[0], "answer": greeting, "proven": True}] + [
        {"address": address, "answer": None, "proven": False} for address in peers[1:]
    ]
    assert first["peers"] == answers
    key = tmp_path / "keys" / "node.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with node(tmp_path, issuer, toml) as server:
        assert await report(server) == first


def test_replicas_that_share_a_file_are_named_by_their_pods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    toml = node_toml(tmp_path, node={"id": "${POD_NAME}"})
    monkeypatch.setenv("POD_NAME", "qudag-node-1")
    assert read_table(toml, NodeConfig).node.id == "qudag-node-1"
    monkeypatch.delenv("POD_NAME")
    with pytest.raises(ConfigError, match="environment variable POD_NAME is not set"):
        read_table(toml, NodeConfig)


def refusal(directory: Path, issuer: Issuer, toml: Path) -> tuple[int, str]:
    config = settings(issuer, server={"role": "qudag"}, qudag={"node_config": str(toml)})
    result = run_program("--config", write_config(directory, config))
    return result.status, result.stderr


def test_a_damaged_key_is_never_replaced(tmp_path: Path, issuer: Issuer):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "node.pem").write_text("half a key")
    status, said = refusal(tmp_path, issuer, node_toml(tmp_path))
    assert status == 1
    assert "is damaged; restore it" in said
    assert (tmp_path / "keys" / "node.pem").read_text() == "half a key"


def test_a_key_path_that_cannot_be_written_is_named(tmp_path: Path, issuer: Issuer):
    (tmp_path / "keys").write_text("a file where a directory should be")
    status, said = refusal(tmp_path, issuer, node_toml(tmp_path))
    assert status == 1
    assert "cannot be read or written" in said


def test_a_mistake_in_node_toml_is_named_as_one_in_server_toml(tmp_path: Path, issuer: Issuer):
    status, said = refusal(tmp_path, issuer, node_toml(tmp_path, crypto={"algorithm": "rsa"}))
    assert status == 2
    assert "node.toml: crypto.algorithm: input should be 'ml-kem-768'" in said


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/ip4/0.0.0.0/tcp/4001", ("0.0.0.0", 4001)),
        ("/dns4/qudag-1.qudag/tcp/4001", ("qudag-1.qudag", 4001)),
        ("/dns/a/tcp/1/p2p/12D3Koo", ("a", 1)),
        ("/ip6/::1/tcp/4001", ("::1", 4001)),
        ("[::1]:4001", ("::1", 4001)),
        ("qudag-1:4001", ("qudag-1", 4001)),
    ],
)
def test_addresses_are_read_in_both_notations(address: str, place: tuple[str, int]):
    assert parse_address(address) == place


@pytest.mark.parametrize("address", ["", "host", ":1", "/ip4/1.2.3.4/udp/1", "host:port"])
def test_an_invalid_address_is_refused(address: str):
    with pytest.raises(StartError, match="is not an address"):
        parse_address(address)
