"""`join` asks a node's peers for their ids, and waits for those that sort before it."""

from __future__ import annotations

import signal
import socketserver
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.libp2p import PeerError, peer_id
from runtime.qudag_join import Peer as Configured
from tests.harness.libp2p_peer import Peer, public_key_of
from tests.harness.processes import Program
from tests.harness.server import Ended, free_port, run_program, until

SAYS_ITS_ARGUMENTS = ("--", "sh", "-c", 'echo "$@"', "node", "start")
FIRST, SECOND = "a-0.a-p2p.space.svc", "b-0.b-p2p.space.svc"


def joined(*peers: str, name: str = FIRST, wait_seconds: float = 0) -> Ended:
    """Runs a program that writes down what it was started with."""
    given = [word for peer in peers for word in ("--peer", peer)]
    wait = f"--wait-seconds={wait_seconds}"
    return run_program("join", f"--name={name}", wait, *given, *SAYS_ITS_ARGUMENTS)


async def test_a_peer_proves_who_it_is():
    port, peer = free_port(), Peer()
    with peer.listening(port):
        found = await peer_id("127.0.0.1", port)
    assert found.startswith("12D3KooW")
    assert public_key_of(found) == peer.public


async def test_a_peer_that_shows_the_identity_of_another_is_refused():
    port, impostor = free_port(), Peer()
    impostor.signer = Ed25519PrivateKey.generate()
    with impostor.listening(port), pytest.raises(PeerError, match="InvalidSignature"):
        await peer_id("127.0.0.1", port)


@pytest.mark.parametrize("greeting", [b"", b"220 mail.example.com\r\n", b"\x13" * 60])
async def test_another_program_on_the_port_is_not_taken_for_a_peer(greeting: bytes):
    class Other(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(greeting)

    with socketserver.TCPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(PeerError, match="is not a libp2p peer"):
            await peer_id("127.0.0.1", server.server_address[1])
        thread.join()


def test_the_program_gets_addresses_and_ids_of_the_peers_that_answer():
    port, peer = free_port(), Peer()
    with peer.listening(port):
        ended = joined(f"/dns4/localhost/tcp/{port}", f"/ip4/127.0.0.1/tcp/{free_port()}")
    assert ended.status == 0
    start, flag, address = ended.stdout.split()
    assert (start, flag) == ("start", "--peer")
    where, known = address.split("/p2p/")
    assert where == f"/ip4/127.0.0.1/tcp/{port}"
    assert public_key_of(known) == peer.public


def test_a_peer_whose_id_is_configured_is_not_asked():
    told = f"/dns4/localhost/tcp/{free_port()}/p2p/12D3KooWconfigured"
    assert joined(told).stdout.split()[2] == told.replace("/dns4/localhost", "/ip4/127.0.0.1")


def test_a_node_without_peers_starts_alone():
    assert joined().stdout.split() == ["start"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/dns4/a-p2p.space.svc/tcp/1", "/dns4/b-p2p.space.svc/tcp/1"),
        (f"/dns4/{FIRST}/tcp/1", f"/dns4/{SECOND}/tcp/1"),
    ],
)
def test_of_two_nodes_that_start_together_one_waits_for_the_other(first: str, second: str):
    assert Configured.of(first).before(SECOND)
    assert not Configured.of(second).before(FIRST)


@pytest.mark.parametrize("outside", ["/ip4/10.0.0.5/tcp/1", "/dns4/node.example.com/tcp/1"])
def test_no_node_waits_for_one_that_may_know_it_by_another_name(outside: str):
    assert not Configured.of(outside).before(FIRST)


def test_a_node_waits_for_a_peer_that_comes_before_it(tmp_path: Path):
    port, peer = free_port(), Peer()
    out, err = tmp_path / "out", tmp_path / "err"
    address = f"/dns4/localhost/tcp/{port}"
    arguments = ["--name=z.localhost", "--wait-seconds=20", f"--peer={address}"]
    program = Program(["join", *arguments, *SAYS_ITS_ARGUMENTS], out, err)
    try:
        until(lambda: "waiting for localhost" in err.read_text())
        assert not out.read_text()
        with peer.listening(port):
            assert program.wait(10) == 0
    finally:
        program.kill()
    assert public_key_of(out.read_text().strip().split("/p2p/")[1]) == peer.public


def test_a_node_does_not_wait_for_ever():
    started = time.monotonic()
    ended = joined(f"/dns4/localhost/tcp/{free_port()}", name="z.localhost", wait_seconds=1.5)
    assert ended.stdout.split() == ["start"]
    assert time.monotonic() - started >= 1.5


def test_a_node_that_waits_stops_at_once_on_the_signal_of_its_program(tmp_path: Path):
    arguments = ["--name=z.localhost", f"--peer=/dns4/localhost/tcp/{free_port()}"]
    err = tmp_path / "err"
    program = Program(["join", *arguments, *SAYS_ITS_ARGUMENTS], tmp_path / "out", err)
    try:
        until(lambda: "waiting for localhost" in err.read_text())
        program.signal(signal.SIGINT)
        assert program.wait(2) == 0
    finally:
        program.kill()


def test_errors_of_join_are_one_line():
    wrong = run_program("join", "--name=a", "--peer=nonsense", "--", "true")
    assert (wrong.status, wrong.stderr.count("\n")) == (1, 1)
    assert "nonsense is not an address" in wrong.stderr
    absent = run_program("join", "--name=a", "--", "no-such-program")
    assert (absent.status, absent.stderr.count("\n")) == (1, 1)
    assert "no-such-program cannot be run: No such file" in absent.stderr
