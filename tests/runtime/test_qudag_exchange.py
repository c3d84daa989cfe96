"""Nodes exchange keys: two real servers, and nodes whose lines are changed, replayed or forged."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime.config import QudagSection
from runtime.qudag_exchange import ExchangeError, ask
from runtime.qudag_stand_in import MOST_CONNECTIONS, PeerReport, StandInNode
from tests.harness.server import free_port, serving, text_of
from tests.harness.tokens import Issuer
from tests.runtime.test_qudag_stand_in import node_toml

LONGEST_LINE = 20_000


def own_toml(directory: Path, name: str, port: int, *peers: str) -> Path:
    """The node.toml of a node with a directory of its own."""
    home = directory / name
    home.mkdir()
    listening = {"id": name, "listen_addr": f"/ip4/127.0.0.1/tcp/{port}"}
    return node_toml(home, node=listening, network={"peers": list(peers)})


def private_key(directory: Path, name: str) -> MLKEM768PrivateKey:
    """A node's key, from the file that the node keeps."""
    pem = (directory / name / "keys/node.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, MLKEM768PrivateKey)
    return key


def fingerprint(directory: Path, name: str) -> str:
    """The SHA-256 of a node's public key."""
    public = private_key(directory, name).public_key()
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


@pytest.mark.slow
async def test_two_servers_prove_their_keys_to_each_other(tmp_path: Path, issuer: Issuer):
    ports = {"north": free_port(), "south": free_port()}
    other = {"north": "south", "south": "north"}
    tomls = {
        name: own_toml(tmp_path, name, port, f"/ip4/127.0.0.1/tcp/{ports[other[name]]}")
        for name, port in ports.items()
    }
    role = {"role": "qudag"}
    with (
        serving(tmp_path, issuer, server=role, qudag={"node_config": str(tomls["north"])}) as one,
        serving(tmp_path, issuer, server=role, qudag={"node_config": str(tomls["south"])}) as two,
    ):
        for name, server in (("north", one), ("south", two)):
            async with server.client() as client:
                said = json.loads(text_of(await client.call_tool("node_identity", {})))
            (peer,) = said["peers"]
            theirs = fingerprint(tmp_path, other[name])
            assert peer["answer"] == f"qudag-node {other[name]} {theirs}"
            assert peer["proven"] is True
            assert theirs != said["public_key_sha256"] == fingerprint(tmp_path, name)
        for name, server in (("north", one), ("south", two)):
            lines = [json.loads(line) for line in server.log_file.read_text().splitlines()]
            (seen,) = [line for line in lines if line["event"] == "peer_proven"]
            assert seen["peer"] == other[name]
            assert seen["public_key_sha256"] == fingerprint(tmp_path, other[name])


@dataclass
class Relay:
    """Stands between two nodes, and keeps and changes lines.

    Attributes:
        change: what becomes of a line, by its number from 0, the greeting.
        lines: those that came, in order.
    """

    target: int
    change: Callable[[int, bytes], bytes] = lambda _, line: line
    lines: list[bytes] = field(default_factory=list[bytes])

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, on = await asyncio.open_connection("127.0.0.1", self.target, limit=LONGEST_LINE)
        turns = [(server, back), (client, on), (server, back), (client, on), (server, back)]
        with contextlib.suppress(OSError):
            for number, (source, sink) in enumerate(turns):
                line = await source.readline()
                if not line:
                    break
                self.lines.append(line)
                sink.write(self.change(number, line))
                await sink.drain()
        on.close()
        back.close()


@contextlib.asynccontextmanager
async def relayed(relay: Relay) -> AsyncGenerator[int]:
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, limit=LONGEST_LINE)
    async with server:
        yield server.sockets[0].getsockname()[1]


def node(directory: Path, name: str, port: int, *peers: str) -> StandInNode:
    return StandInNode.of(QudagSection(node_config=own_toml(directory, name, port, *peers)))


@dataclass
class Pair:
    """A node that listens, and what another one reports of it."""

    directory: Path
    port: int
    south: StandInNode

    async def report(self, address: str, name: str = "north") -> PeerReport:
        (peer,) = await node(self.directory, name, free_port(), address).peers()
        return peer


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncGenerator[Pair]:
    port = free_port()
    south = node(tmp_path, "south", port)
    async with south.listening():
        yield Pair(tmp_path, port, south)


def flipped(line: bytes, position: int) -> bytes:
    """The line with one bit of its content changed."""
    word, _, encoded = line.rstrip(b"\n").partition(b" ")
    content = bytearray(base64.b64decode(encoded))
    content[position] ^= 1
    return word + b" " + base64.b64encode(content) + b"\n"


CHANGES: dict[str, Callable[[int, bytes], bytes]] = {
    "an id in the greeting": lambda n, x: x.replace(b"south", b"mouth") if n == 0 else x,
    "a fingerprint in the greeting": (
        lambda n, x: (
            x.rstrip()[:-1] + (b"0" if x.rstrip()[-1:] != b"0" else b"1") + b"\n" if n == 0 else x
        )
    ),
    "the key of the first node": lambda n, x: flipped(x, 5) if n == 1 else x,
    "the key of the connection": lambda n, x: flipped(x, 1184 + 5) if n == 1 else x,
    "the key of the second node": lambda n, x: flipped(x, 5) if n == 2 else x,
    "the secret for the first node": lambda n, x: flipped(x, 1184 + 5) if n == 2 else x,
    "the secret of the connection": lambda n, x: flipped(x, -5) if n == 2 else x,
    "the secret for the second node": lambda n, x: flipped(x, 5) if n == 3 else x,
    "the first node's proof": lambda n, x: flipped(x, -1) if n == 3 else x,
    "the second node's proof": lambda n, x: flipped(x, -1) if n == 4 else x,
    "half of a line": lambda n, x: x[: len(x) // 2] + b"\n" if n == 2 else x,
    "a line that is too long": lambda n, x: b"exchange " + b"A" * 18_000 + b"\n" if n == 2 else x,
    "another word": lambda n, x: x.replace(b"exchange", b"exchangs") if n == 2 else x,
}


async def test_a_relay_that_changes_nothing_learns_neither_the_ids_nor_the_keys(pair: Pair):
    relay = Relay(pair.port)
    async with relayed(relay) as port:
        assert (await pair.report(f"127.0.0.1:{port}", "secretive")).proven
    assert len(relay.lines) == 5
    decoded = b"".join(base64.b64decode(line.split()[1]) for line in relay.lines[1:])
    assert b"secretive" not in b"".join(relay.lines) + decoded
    for name in ("secretive", "south"):
        pem = (pair.directory / name / "keys/node.pem").read_bytes()
        private = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
        assert not [n for n in range(0, len(private) - 32, 16) if private[n : n + 32] in decoded]


@pytest.mark.parametrize("what", CHANGES)
async def test_a_peer_whose_lines_are_changed_is_not_proven(pair: Pair, what: str):
    relay = Relay(pair.port, CHANGES[what])
    async with relayed(relay) as port:
        report = await pair.report(f"127.0.0.1:{port}")
    assert report.proven is False
    if what != "the second node's proof":  # it was changed after the other node was satisfied
        assert len(relay.lines) < 5


async def test_each_exchange_has_other_keys(pair: Pair):
    relay = Relay(pair.port)
    async with relayed(relay) as port:
        north = node(pair.directory, "north", free_port(), f"127.0.0.1:{port}")
        for _ in range(2):
            (report,) = await north.peers()
            assert report.proven
    first, second = relay.lines[:5], relay.lines[5:]
    assert first[0] == second[0]
    assert all(a != b for a, b in zip(first[1:], second[1:], strict=True))


async def test_the_two_proofs_are_encrypted_with_different_keys(pair: Pair):
    """With one key and one nonce, the difference of two texts would show in their ciphertexts."""
    relay = Relay(pair.port)
    async with relayed(relay) as port:
        assert (await pair.report(f"127.0.0.1:{port}", "north")).proven
    third, fourth = (base64.b64decode(line.split()[1]) for line in relay.lines[3:])
    proof = third[1088:]
    assert len(proof) == len(fourth)
    apart = bytes(a ^ b for a, b in zip(b"north", b"south", strict=True))
    assert bytes(a ^ b for a, b in zip(proof[1:6], fourth[1:6], strict=True)) != apart


async def test_a_replayed_exchange_proves_nothing(pair: Pair, capsys: Any):
    relay = Relay(pair.port)
    async with relayed(relay) as port:
        await pair.report(f"127.0.0.1:{port}")
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.port, limit=LONGEST_LINE)
    greeting = await reader.readline()
    writer.write(relay.lines[1])
    await reader.readline()
    writer.write(relay.lines[3])
    assert await reader.read() == b""
    writer.close()
    assert greeting == relay.lines[0]

    async def old(_: asyncio.StreamReader, sent: asyncio.StreamWriter) -> None:
        sent.write(relay.lines[0] + relay.lines[2] + relay.lines[4])
        await sent.drain()

    async with await asyncio.start_server(old, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        report = await pair.report(address, "east")
    assert report.answer == greeting.decode().strip()
    assert report.proven is False


async def test_a_node_with_the_greeting_of_another_is_not_proven(pair: Pair, tmp_path: Path):
    """It has a key of its own, and follows the protocol."""
    impostor = node(tmp_path, "impostor", free_port())
    impostor.fingerprint = pair.south.fingerprint
    async with impostor.listening():
        address = impostor.config.node.listen_addr
        report = await pair.report(address)
    assert report.answer == f"qudag-node impostor {pair.south.fingerprint}"
    assert report.proven is False


async def test_an_address_may_name_the_key_that_a_peer_must_have(pair: Pair):
    address = f"/ip4/127.0.0.1/tcp/{pair.port}/p2p/"
    assert (await pair.report(address + pair.south.fingerprint, "a")).proven is True
    for number, other in enumerate(("0" * 64, "12D3KooWconfigured", pair.south.fingerprint[:-1])):
        report = await pair.report(address + other, f"b{number}")
        assert report.answer is not None
        assert report.proven is False


async def test_a_node_of_an_older_version_answers_and_is_not_proven(pair: Pair):
    async def older(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"qudag-node older 00\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(older, "127.0.0.1", 0) as server:
        report = await pair.report(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (report.answer, report.proven) == ("qudag-node older 00", False)


HOSTILE = [
    *(b"", b"\n", b"exchange\n", b"exchange !\n", b"exchange AAAA\n", b"GET / HTTP/1.1\r\n\r\n"),
    b"exchange " + base64.b64encode(bytes(2 * 1184 - 1)) + b"\n",
    b"exchange " + base64.b64encode(b"\xff" * 2 * 1184) + b"\n",
    b"A" * LONGEST_LINE,
]


async def test_hostile_lines_end_their_connection_and_nothing_else(pair: Pair):
    for sent in HOSTILE:
        reader, writer = await asyncio.open_connection("127.0.0.1", pair.port, limit=LONGEST_LINE)
        assert (await reader.readline()).startswith(b"qudag-node south ")
        writer.write(sent)
        writer.write_eof()
        with anyio.fail_after(5), contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
    assert (await pair.report(f"127.0.0.1:{pair.port}")).proven


async def test_peers_that_say_nothing_cannot_hold_more_than_their_connections(pair: Pair):
    idle = [await asyncio.open_connection("127.0.0.1", pair.port) for _ in range(MOST_CONNECTIONS)]
    for reader, _ in idle:
        await reader.readline()
    report = await pair.report(f"127.0.0.1:{pair.port}")
    assert (report.answer is not None, report.proven) == (True, False)
    for _, writer in idle:
        writer.close()
    with anyio.fail_after(5):
        while not (await pair.report(f"127.0.0.1:{pair.port}", f"n{free_port()}")).proven:
            await anyio.sleep(0.05)


class OnlyPublic:
    """What an attacker has who knows a node's public key and not its private one."""

    def __init__(self, key: MLKEM768PrivateKey) -> None:
        self.key = key

    def public_key(self) -> MLKEM768PublicKey:
        return self.key.public_key()

    def decapsulate(self, _: bytes) -> bytes:
        return bytes(32)


async def test_a_public_key_alone_proves_nothing_to_the_node_that_connects(
    pair: Pair, tmp_path: Path
):
    thief = node(tmp_path, "thief", free_port())
    thief.fingerprint = pair.south.fingerprint
    thief._key = OnlyPublic(private_key(tmp_path, "south"))  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    async with thief.listening():
        report = await pair.report(thief.config.node.listen_addr)
    assert report.answer == f"qudag-node thief {pair.south.fingerprint}"
    assert report.proven is False


async def test_a_public_key_alone_proves_nothing_to_the_node_that_listens(pair: Pair):
    await pair.report(f"127.0.0.1:{pair.port}")
    north: Any = OnlyPublic(private_key(pair.directory, "north"))
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.port, limit=LONGEST_LINE)
    greeting = (await reader.readline()).rstrip()
    with anyio.fail_after(5), pytest.raises(ExchangeError):
        await ask(reader, writer, greeting, "north", north)
    writer.close()


async def test_keys_of_nodes_that_are_stolen_later_decrypt_no_recorded_exchange(pair: Pair):
    relay = Relay(pair.port)
    async with relayed(relay) as port:
        assert (await pair.report(f"127.0.0.1:{port}")).proven
    greeting, first, second, third, _ = (line.rstrip() for line in relay.lines)
    first, second, third = (line.split()[1] for line in (first, second, third))
    for_north = base64.b64decode(second)[1184 : 1184 + 1088]
    for_south, proof = base64.b64decode(third)[:1088], base64.b64decode(third)[1088:]
    stolen = [
        private_key(pair.directory, "north").decapsulate(for_north),
        private_key(pair.directory, "south").decapsulate(for_south),
    ]
    heard = hashlib.sha256(
        b"\n".join([greeting, first, second, base64.b64encode(for_south)])
    ).digest()
    for secrets in (stolen, stolen[::-1], stolen[:1], stolen[1:], []):
        info = b"qudag-mcp nodes 1" + heard
        made = HKDF(SHA256(), 64, None, info).derive(b"".join(secrets))
        for key in (made[:32], made[32:]):
            with pytest.raises(InvalidTag):
                AESGCM(key).decrypt(bytes(12), proof, None)
