"""Runs the reference server with all its listeners."""

from __future__ import annotations

import socket
from functools import partial

from .config import Config
from .endpoint import Application
from .listeners import listen
from .worker_link import Report
from .worker_metrics import families_of


def run(config: Config, sockets: dict[int, socket.socket]) -> None:
    """Serve on the bound `sockets` until SIGTERM or SIGINT, then drain; raises `StartError`."""
    app = _application(config)
    listen(config, sockets, app, partial(_report, app))


def _application(config: Config) -> Application:
    if config.upstream is not None:
        from .upstream_application import upstream_application

        return upstream_application(config, config.upstream)
    from .application import application
    from .stores import stores_of

    store = stores_of(config.state, config.redis).sessions if config.state else None
    return application(config, store)


def _report(app: Application) -> Report:
    return Report(app.health.state(), families_of(app.health.metrics.registry))
