"""A network for pods: each has an address of its own and all of its ports, as in a cluster."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from .network import CLONE_NEWNET, private_network

PREFIX: Final = "10.244.0."
BRIDGE: Final = "pods"
_SPACE: Final = "/proc/thread-self/ns/net"


@dataclass
class PodNetwork:
    """Network namespaces of pods, joined by a bridge in the namespace of the caller's thread.

    Attributes:
        spaces: an open file of each pod's namespace; it ends with the last of them.
    """

    spaces: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, address: str) -> None:
        """Make the namespace of a pod at an address of the bridge's network."""
        name = f"pod{len(self.spaces)}"
        with self._kept():
            _enter_new()
            space = os.open(_SPACE, os.O_RDONLY)
            _run("ip link set lo up")
        self.spaces[address] = space
        _run(f"ip link add {name} type veth peer name eth0 netns /proc/{os.getpid()}/fd/{space}")
        _run(f"ip link set {name} master {BRIDGE} up")
        with self.inside(address):
            _run(f"ip addr add {address}/24 dev eth0")
            _run("ip link set eth0 up")
            _run(f"ip route add default via {PREFIX}254")

    @contextlib.contextmanager
    def inside(self, address: str) -> Generator[None]:
        """Be in a pod's namespace: programs that are started now run there."""
        with self._kept():
            _enter(self.spaces[address])
            yield

    @contextlib.contextmanager
    def _kept(self) -> Generator[None]:
        """Come back to the namespace in which the thread is."""
        before = os.open(_SPACE, os.O_RDONLY)
        try:
            yield
        finally:
            _enter(before)
            os.close(before)


@contextlib.contextmanager
def pod_network() -> Generator[PodNetwork]:
    """Move this thread to a network of pods; it needs the right to create namespaces."""
    made = PodNetwork()
    with private_network():
        _run(f"ip link add {BRIDGE} type bridge")
        _run(f"ip addr add {PREFIX}254/24 dev {BRIDGE}")
        _run(f"ip link set {BRIDGE} up")
        try:
            yield made
        finally:
            for space in made.spaces.values():
                os.close(space)


def _enter(space: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(space, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _enter_new() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)
