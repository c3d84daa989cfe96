"""A stand-in for a QuDAG node: keeps a post-quantum key, and exchanges keys with its peers.

It is not a DAG: it orders nothing, stores nothing and agrees on nothing. It shows that a node's
identity survives on its volume, and that network policies let peers connect to each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal

import anyio
from pydantic import BaseModel, Field, field_validator

from .config import Duration, QudagSection
from .logs import event
from .qudag_exchange import MOST_IN_A_LINE, ExchangeError, answer, ask
from .toml_config import Section, StartError, read_table

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

KEY_FILE = "node.pem"
GREETING = "qudag-node"
PEER_ANSWERS_WITHIN_SECONDS = 2
MOST_CONNECTIONS = 64
"""Of peers at a time; more are closed after the greeting."""
MOST_TOLD = 1000
"""Peers whose proofs are logged once; those of more peers are logged each time."""
_MULTIADDR = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/(?P<host>[^/]+)/tcp/(?P<port>\d{1,5})(/.*)?")


class NodeTable(Section):
    """The `[node]` table: the node's id and its listen address, a multiaddr.

    Attributes:
        id: `${NAME}` is replaced by the environment variable, because replicas share the file but
            not the id.
    """

    id: str = Field(min_length=1, max_length=200, pattern=r"^\S+$")
    listen_addr: str

    @field_validator("id")
    @classmethod
    def environment_is_filled_in(cls, value: str) -> str:
        try:
            return Template(value).substitute(os.environ)
        except KeyError as absent:
            raise ValueError(f"the environment variable {absent.args[0]} is not set") from None


class NetworkTable(Section):
    """The `[network]` table: the other nodes, as multiaddrs or `host:port`."""

    peers: tuple[str, ...] = ()


class ConsensusTable(Section):
    """The `[consensus]` table: reported, but not used by the stand-in."""

    algorithm: str = "qr-avalanche"
    timeout: Duration = "10s"


class CryptoTable(Section):
    """The `[crypto]` table: the key's algorithm and directory."""

    algorithm: Literal["ml-kem-768"] = "ml-kem-768"
    key_path: Path


class NodeConfig(Section):
    """The whole of node.toml."""

    node: NodeTable
    network: NetworkTable = NetworkTable()
    consensus: ConsensusTable = ConsensusTable()
    crypto: CryptoTable


class PeerReport(BaseModel):
    """A configured peer and its greeting.

    Attributes:
        answer: what it says that it is; None if it did not answer.
        proven: whether it has proven in a key exchange that it has the key of its greeting, and
            that of its address if that ends with `/p2p/` and a fingerprint.
    """

    address: str
    answer: str | None
    proven: bool = False


class NodeIdentity(BaseModel):
    """A node's name and key.

    Attributes:
        consensus: the algorithm in node.toml; the stand-in takes part in none.
    """

    id: str
    algorithm: str
    public_key_sha256: str
    consensus: str
    stand_in: bool = True


class NodeReport(NodeIdentity):
    """The result of the tool `node_identity`: this node's identity and its peers' answers."""

    peers: list[PeerReport]


class StandInNode:
    """A node with a key on disk and a TCP listener that exchanges keys with its peers."""

    def __init__(self, config: NodeConfig, key: MLKEM768PrivateKey) -> None:
        self.config = config
        self._key = key
        self.fingerprint = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()
        self._connections: set[asyncio.StreamWriter] = set()
        self._told: set[tuple[str, str]] = set()

    @classmethod
    def of(cls, qudag: QudagSection) -> StandInNode:
        """The node of `qudag.node_file`; creates its key at the first start."""
        config = read_table(qudag.node_config, NodeConfig)
        return cls(config, _node_key(config.crypto.key_path))

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Listen, and send the greeting to each peer that connects, until the context ends."""
        address = self.config.node.listen_addr
        host, port = parse_address(address)
        try:
            server = await asyncio.start_server(self._greet, host, port, limit=MOST_IN_A_LINE)
        except OSError as error:
            raise StartError(f"the node cannot listen on {address}: {error.strerror}") from None
        async with server:
            event("node_listening", node=self.config.node.id, address=address)
            try:
                yield
            finally:
                for writer in self._connections:
                    writer.close()

    def identity(self) -> NodeIdentity:
        """This node's name and key."""
        return NodeIdentity(
            id=self.config.node.id,
            algorithm=self.config.crypto.algorithm,
            public_key_sha256=self.fingerprint,
            consensus=self.config.consensus.algorithm,
        )

    async def peers(self) -> list[PeerReport]:
        """Ask all configured peers now."""
        answers: dict[str, PeerReport] = {}

        async def ask(peer: str) -> None:
            answers[peer] = await self.asked(peer)

        async with anyio.create_task_group() as tasks:
            for peer in self.config.network.peers:
                tasks.start_soon(ask, peer)
        return [answers[peer] for peer in self.config.network.peers]

    async def report(self) -> NodeReport:
        """Ask all configured peers now and return this node's identity with their answers."""
        return NodeReport(**self.identity().model_dump(), peers=await self.peers())

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        crowded = len(self._connections) >= MOST_CONNECTIONS
        self._connections.add(writer)
        greeting = f"{GREETING} {self.config.node.id} {self.fingerprint}".encode()
        try:
            with contextlib.suppress(OSError, TimeoutError, ExchangeError):
                writer.write(greeting + b"\n")
                await writer.drain()
                if not crowded:
                    async with asyncio.timeout(PEER_ANSWERS_WITHIN_SECONDS):
                        node_id = self.config.node.id
                        peer, key = await answer(reader, writer, greeting, node_id, self._key)
                        self._tell_once(peer, key)
        finally:
            self._connections.discard(writer)
            writer.close()

    def _tell_once(self, peer: str, key: str) -> None:
        """Log a peer that has proven its key; peers ask again every few seconds."""
        if (peer, key) in self._told:
            return
        if len(self._told) < MOST_TOLD:
            self._told.add((peer, key))
        event("peer_proven", peer=peer, public_key_sha256=key)

    def is_itself(self, report: PeerReport) -> bool:
        """Whether an address of the configuration is this node's own."""
        return str(report.answer).endswith(f" {self.fingerprint}")

    async def asked(self, peer: str) -> PeerReport:
        """What a peer answers now; `proven` stays false if it only sends its greeting."""
        report = PeerReport(address=peer, answer=None)
        with (
            anyio.move_on_after(PEER_ANSWERS_WITHIN_SECONDS),
            contextlib.suppress(OSError, ValueError, ExchangeError),
        ):
            host, port = parse_address(peer)
            reader, writer = await asyncio.open_connection(host, port, limit=MOST_IN_A_LINE)
            with contextlib.closing(writer):
                greeting = (await reader.readline()).rstrip(b"\n")
                said = greeting.decode(errors="replace").strip()
                if not said.startswith(f"{GREETING} "):
                    return report
                report.answer = said
                exchanged = await ask(reader, writer, greeting, self.config.node.id, self._key)
                report.proven = _is_who_it_says(peer, said, *exchanged)
        return report


def _is_who_it_says(address: str, greeting: str, node_id: str, fingerprint: str) -> bool:
    """Whether a greeting names the node that has proven its key, and the address no other key."""
    _, _, expected = address.partition("/p2p/")
    if expected and expected != fingerprint:
        return False
    return greeting == f"{GREETING} {node_id} {fingerprint}"


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of a multiaddr such as `/ip4/0.0.0.0/tcp/4001`, or of `host:port`."""
    if match := _MULTIADDR.fullmatch(address):
        return match["host"], int(match["port"])
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise StartError(f"{address} is not an address: write /ip4/…/tcp/4001 or host:4001")
    return host.strip("[]"), int(port)


def _node_key(directory: Path) -> MLKEM768PrivateKey:
    """The key in `directory`; creates it if there is none."""
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import mlkem

    path = directory / KEY_FILE
    try:
        if not path.exists():
            directory.mkdir(parents=True, exist_ok=True)
            made = mlkem.MLKEM768PrivateKey.generate()
            _keep(
                path,
                made.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()),
            )
        key = s.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StartError(
            f"the node key {path} cannot be read or written: {error.strerror}"
        ) from None
    except ValueError:
        raise StartError(
            f"the node key {path} is damaged; restore it, or delete it to get a new identity"
        ) from None
    if not isinstance(key, mlkem.MLKEM768PrivateKey):
        raise StartError(f"the node key {path} is not an ML-KEM-768 key; move it away")
    return key


def _keep(path: Path, key: bytes) -> None:
    """Write the key atomically, with access for its owner only."""
    fresh = path.with_suffix(".new")
    with open(fresh, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
