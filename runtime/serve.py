"""Runs the reference server in one process, with all its listeners."""

from __future__ import annotations

import socket

from .application import application
from .config import Config
from .listeners import listen
from .stores import stores_of


def run(config: Config, sockets: dict[int, socket.socket]) -> None:
    """Serve on the bound `sockets` until SIGTERM or SIGINT, then drain; raises `StartError`."""
    store = stores_of(config.state, config.redis).sessions if config.state else None
    listen(config, sockets, application(config, store))
