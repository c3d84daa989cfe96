"""Binds the server's ports before the SDK is loaded, so that a used port is reported at once."""

from __future__ import annotations

import errno
import resource
import socket

from .server_config import ServerSection
from .toml_config import StartError

NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
"""Errors of a machine whose IPv6 is turned off."""


def bound(server: ServerSection) -> dict[int, socket.socket]:
    """Bind a socket for each port of `server`; raises `StartError` if a port cannot be bound."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a stream is an open file
    ports = [p for p in (server.port, server.tls_port, server.metrics_port) if p is not None]
    return {port: _bound(server.host, port) for port in ports}


def socket_of(port: int) -> socket.socket:
    """Bind a port of every address; raises `StartError` if it cannot be bound."""
    return _bound("::", port)


def shared_socket(host: str, port: int) -> socket.socket:
    """Bind one of several sockets of a port, among which the kernel divides the connections.

    Another program of the same user could bind the port too, so `bound` comes first.
    """
    return _bound(host, port, shared=True)


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    try:
        return _listening(host, port, shared=shared)
    except OSError as error:
        if host == "::" and error.errno in NO_IPV6:
            return _bound("0.0.0.0", port, shared=shared)  # noqa: S104 - the same in IPv4
        where = f"[{host}]" if ":" in host else host
        raise StartError(f"cannot listen on {where}:{port}: {error.strerror}") from None


def _listening(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio turns Nagle's algorithm off; else an answer takes 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if host == "::":  # IPv4 as well, as IPv4-mapped addresses
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
