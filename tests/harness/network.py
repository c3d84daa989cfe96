"""A loopback network of a test's own, where the ports of rendered files are always free."""

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

from .server import free_port

CLONE_NEWNET = 0x40000000  # linux/sched.h
SIOCSIFFLAGS = 0x8914  # linux/sockios.h
IFF_UP = 1

_ports: list[dict[int, int]] = [{}]


@cache
def can_isolate() -> bool:
    """Whether this process may make namespaces: root, and not in a container that forbids it."""
    probe = ["unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "true"]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    return False


def port(number: int) -> int:
    """Where on loopback the port of a rendered file is found in the innermost private network."""
    return number if can_isolate() else _ports[-1].setdefault(number, free_port())


@contextlib.contextmanager
def private_network() -> Generator[None]:
    """Move this thread, and all that it starts meanwhile, to a network with loopback alone.

    Where namespaces may not be made it stays where it is, and `port` gives it ports of its own.
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
        yield
    finally:
        if libc.setns(before, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(before)


def _raise_loopback() -> None:
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
