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


def _raise_loopback() -> None:
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
