"""Looks up the peer ids of QuDAG nodes, then replaces itself with the QuDAG program.

The released program (qudag-cli 0.5.0) dials each peer once, at its start, by an IPv4 address with
the peer's id. A peer's id changes with each of its starts, so configuration can only name peers by
DNS. This command resolves the names, asks each peer for its id, and passes both to the program.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from dataclasses import dataclass

import anyio

from .libp2p import PeerError, peer_id
from .qudag_stand_in import parse_address
from .toml_config import StartError

ANSWERS_WITHIN_SECONDS = 2
WAIT_SECONDS = 45
"""Longer than a cluster's DNS caches that a name does not exist (30 s)."""


@dataclass(frozen=True)
class Peer:
    """A configured peer: a multiaddr, with or without the peer's id."""

    host: str
    port: int
    id: str | None

    @classmethod
    def of(cls, address: str) -> Peer:
        where, _, known = address.partition("/p2p/")
        return cls(*parse_address(where), known or None)

    def before(self, own_name: str) -> bool:
        """Whether the peer's name sorts before `own_name`, label by label from the last one.

        Two nodes that compare each other's names agree on the order. An IP address, or a name
        under another top-level domain, never sorts before: the peer may know this node by another
        kind of name, and then both would wait for each other.
        """
        theirs, ours = self.host.split(".")[::-1], own_name.split(".")[::-1]
        return theirs[0] == ours[0] and theirs < ours


def join(arguments: list[str]) -> int:
    """Ask the peers for their ids and replace this process; returns only if that failed."""
    asked = _parser().parse_args(arguments)
    try:
        peers = [Peer.of(address) for address in asked.peer]
        found = anyio.run(known, peers, asked.name, asked.wait_seconds)
        program = [*asked.program, *(word for address in found for word in ("--peer", address))]
        os.execvp(program[0], program)  # noqa: S606  (no shell between the signals and the node)
    except StartError as error:
        _say(str(error))
    except OSError as error:
        _say(f"{asked.program[0]} cannot be run: {error.strerror}")
    return 1


async def known(peers: list[Peer], own_name: str, wait_seconds: float) -> list[str]:
    """The multiaddrs (IPv4 address and peer id) of all peers that answer.

    Two nodes that start at the same time would not find each other. So a node waits for the peers
    whose names sort before its own; the first in this order starts without waiting.
    """
    found: dict[Peer, list[str]] = {}

    async def ask(peer: Peer) -> None:
        found[peer] = await _addresses(peer)

    deadline = anyio.current_time() + wait_seconds
    while True:
        async with anyio.create_task_group() as tasks:
            for peer in peers:
                tasks.start_soon(ask, peer)
        silent = [p.host for p in peers if p.before(own_name) and not found[p]]
        if not silent or anyio.current_time() >= deadline:
            return sorted({address for answered in found.values() for address in answered})
        _say(f"waiting for {', '.join(silent)}")
        await anyio.sleep(1)


async def _addresses(peer: Peer) -> list[str]:
    """The multiaddr of each node behind the peer's name; as configured if it has an id."""
    found: list[str] = []
    try:
        places = await anyio.getaddrinfo(
            peer.host, peer.port, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
    except OSError:
        return found
    for *_, (host, port) in places:
        known_id = peer.id
        if known_id is None:
            with anyio.move_on_after(ANSWERS_WITHIN_SECONDS):
                try:
                    known_id = await peer_id(host, port)
                except OSError:
                    pass  # the peer is not running
                except PeerError as other:
                    _say(str(other))
        if known_id is not None:
            found.append(f"/ip4/{host}/tcp/{port}/p2p/{known_id}")
    return found


def _say(what: str) -> None:
    print(f"qudag-mcp-server: {what}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("qudag-mcp-server join", description=__doc__)
    parser.add_argument("--name", required=True, help="DNS name of this node, as its peers use it")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        help="multiaddr of a peer, such as /dns4/node-1/tcp/4001",
    )
    parser.add_argument(
        "--wait-seconds",
        type=float,
        default=WAIT_SECONDS,
        help=f"seconds to wait for peers that sort before this node (default {WAIT_SECONDS})",
    )
    parser.add_argument("program", nargs="+", help="after --: the QuDAG program and its arguments")
    return parser
