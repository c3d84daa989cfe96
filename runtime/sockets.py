"""Binds the server's ports before the SDK is loaded, so that a used port is reported at once."""

from __future__ import annotations

import resource
import socket

from .config import ServerSection
from .toml_config import StartError


def bound(server: ServerSection) -> dict[int, socket.socket]:
    """Bind a socket for each port of `server`; raises `StartError` if a port cannot be bound."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a stream is an open file
    sockets: dict[int, socket.socket] = {}
    for port in (server.port, server.tls_port, server.metrics_port):
        if port is None:
            continue
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        # With its protocol named, asyncio turns Nagle's algorithm off; else an answer takes 40 ms.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sockets[port] = sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((server.host, port))
        except OSError as error:
            raise StartError(f"cannot listen on {server.host}:{port}: {error.strerror}") from None
    return sockets
