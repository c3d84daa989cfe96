"""Starts a QuDAG node that can only be told at its start who its peers are.

The released program (qudag-cli 0.5.0) dials a peer once, at an IPv4 address that ends in the peer's
id; and the id is a new one each time the peer starts. What is known beforehand are names. So each
start asks whoever answers at these names for its id, and then becomes the program.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from dataclasses import dataclass

import anyio

from .libp2p import PeerError, peer_id
from .node import parse_address
from .reading import StartError

ANSWERS_WITHIN_SECONDS = 2
WAIT_SECONDS = 45
"""Longer than a cluster's DNS may remember that there was no such name (30 s)."""


@dataclass(frozen=True)
class Peer:
    """A peer as it is configured: a multiaddr, with or without the peer's id."""

    host: str
    port: int
    id: str | None

    @classmethod
    def of(cls, address: str) -> Peer:
        where, _, known = address.partition("/p2p/")
        return cls(*parse_address(where), known or None)

    def before(self, own_name: str) -> bool:
        """Whether the peer's name comes before ours, read from the top-level domain down.

        Both sides agree on it, whether the name is that of one node or of its set. Names under
        another top-level domain, and addresses, come before nobody's: who is known by one may know
        us by another, and both would wait.
        """
        theirs, ours = self.host.split(".")[::-1], own_name.split(".")[::-1]
        return theirs[0] == ours[0] and theirs < ours


def join(arguments: list[str]) -> int:
    """Ask the peers, then become the program; returns only when that cannot be."""
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
    """Where the peers that answer can be dialled: IPv4 addresses with their ids.

    Of two nodes that start together, neither would find the other. So a node waits for the peers
    whose names come before its own; the first by name goes ahead.
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
    """One for each node that answers to the peer's name, or that needs not be asked."""
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
                    pass  # it does not run yet, or no longer
                except PeerError as other:
                    _say(str(other))
        if known_id is not None:
            found.append(f"/ip4/{host}/tcp/{port}/p2p/{known_id}")
    return found


def _say(what: str) -> None:
    print(f"qudag-mcp-server: {what}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("qudag-mcp-server join", description=__doc__)
    parser.add_argument("--name", required=True, help="the name by which peers look this node up")
    parser.add_argument(
        "--peer", action="append", default=[], help="multiaddr, such as /dns4/node-1/tcp/4001"
    )
    parser.add_argument(
        "--wait-seconds",
        type=float,
        default=WAIT_SECONDS,
        help=f"how long to wait for peers whose names come first (default {WAIT_SECONDS})",
    )
    parser.add_argument("program", nargs="+", help="after --: the program and its arguments")
    return parser
