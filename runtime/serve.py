"""Runs the reference server with all its listeners."""

from __future__ import annotations

import socket
from functools import partial

from .application import Application, application
from .config import Config
from .listeners import listen
from .stores import stores_of
from .worker_link import Report
from .worker_metrics import families_of


def run(config: Config, sockets: dict[int, socket.socket]) -> None:
    """Serve on the bound `sockets` until SIGTERM or SIGINT, then drain; raises `StartError`."""
    store = stores_of(config.state, config.redis).sessions if config.state else None
    app = application(config, store)
    listen(config, sockets, app, partial(_report, app))


def _report(app: Application) -> Report:
    return Report(app.health.state(), families_of(app.health.metrics.registry))
