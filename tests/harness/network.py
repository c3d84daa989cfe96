"""A private loopback network for a test, where the ports of rendered files are free."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Generator
from functools import cache

from .processes import stop_fork_server
from .server import free_port

CLONE_NEWNET = 0x40000000  # linux/sched.h
SIOCSIFFLAGS = 0x8914  # linux/sockios.h
IFF_UP = 1

_ports: list[dict[int, int]] = [{}]


@cache
def can_isolate() -> bool:
    """Whether this process may create namespaces: it is root, and no container forbids it."""
    probe = ["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "true"]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return False


def port(number: int) -> int:
    """The loopback port that stands for a rendered file's port in the current private network."""
    return number if can_isolate() else _ports[-1].setdefault(number, free_port())


@contextlib.contextmanager
def private_network() -> Generator[None]:
    """Move this thread and the programs that it starts to a network namespace with only loopback.

    Without the right to create namespaces nothing is moved, and `port` returns other free ports.
    """
    if not can_isolate():
        _ports.append({})
        try:
            yield
        finally:
            _ports.pop()
        return
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _raise_loopback()
        stop_fork_server()
        yield
    finally:
        stop_fork_server()
        if libc.setns(before, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(before)


def every_address_is_local(*interface: str, unreachable: str) -> None:
    """Deliver packets to any address to this machine; call it in a private network of root's.

    Args:
        interface: addresses that programs find at the interface.
        unreachable: an IPv4 address to which connections fail at once.
    """
    for command in (
        *(f"addr add {each}/{128 if ':' in each else 32} dev lo" for each in interface),
        "route add local 0.0.0.0/0 dev lo",
        "-6 route add local ::/0 dev lo",
        f"route add unreachable {unreachable}/32 table local",
    ):
        subprocess.run(["ip", *command.split()], check=True)


def _raise_loopback() -> None:
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
