"""Serves an application on the ports of a server until SIGTERM, then drains it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.applications import Starlette
from starlette.types import ASGIApp

from .certificate import Certificate
from .config import ServerConfig
from .drain import POLL_SECONDS, Drain
from .final_scrape import wait_for_final_scrape
from .http_listener import Listener
from .logs import event
from .server_config import ServerSection
from .worker_link import ParentLink, Report

YOUNG_OBJECTS = 10_000  # a call makes a thousand objects, and nearly all are freed by count
QUIET_SECONDS = 1.0
"""A draining server accepts connections until clients have sent nothing for this time."""
KEPT_SECONDS = 2.0
"""The same while a client keeps an unused connection. The gateway closes one after 1 s."""
FIRST_REQUEST_SECONDS = 0.5
"""A draining server closes its port so long before its connections: a new one has this time for its
handshake and its first request."""
TLS_BUFFER_BYTES = 32 * 1024  # per connection; asyncio's 256 KiB would be 0.5 GiB for 2,000 streams
LAST_WORDS_SECONDS = 3.0  # for errors, stream ends and closing connections to reach clients


class Served(Protocol):
    """The ASGI applications of a process, as `application.Application` describes them."""

    @property
    def public(self) -> Starlette: ...
    @property
    def probes(self) -> ASGIApp: ...
    @property
    def metrics(self) -> ASGIApp: ...
    @property
    def drain(self) -> Drain: ...


def listen(
    config: ServerConfig,
    sockets: dict[int, socket.socket],
    app: Served,
    report: Callable[[], Report] | None = None,
) -> None:
    """Serve on the bound `sockets` until SIGTERM or SIGINT, then drain.

    Args:
        report: what a worker says about itself; a server without it is always one process.
    """
    SSLProtocol.max_size = TLS_BUFFER_BYTES
    # Loaded modules are never freed, so garbage collections can skip them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    if config.server.workers == 1 or report is None:
        asyncio.run(_serve(config, sockets, app))
        return
    from .workers import run_workers

    _certificate(config.server)  # a wrong one ends the parent before it starts workers

    async def serve(bound: Mapping[int, socket.socket], channel: socket.socket) -> None:
        await _serve(config, bound, app, ParentLink(channel, report))

    run_workers(config, sockets, serve)


async def _serve(
    config: ServerConfig,
    sockets: Mapping[int, socket.socket],
    app: Served,
    link: ParentLink | None = None,
) -> None:
    """Serve on `sockets`; with `link`, as a worker that reports to its parent."""
    stop = asyncio.Event()
    _stop_at_signals(stop, worker=link is not None)
    certificate = _certificate(config.server)
    context = _context(config.server, certificate)
    public_port = config.server.tls_port or config.server.port
    async with app.public.router.lifespan_context(app.public):
        listeners = {
            port: Listener(
                app.public if port == public_port else _side(config.server, app, port),
                config.limits,
                context if port == config.server.tls_port else None,
            )
            for port in sockets
        }
        serving = [
            asyncio.create_task(listener.serve([sockets[port]]))
            for port, listener in listeners.items()
        ]
        renewal = asyncio.create_task(certificate.follow()) if certificate else None
        linked = asyncio.create_task(link.answer(stop)) if link is not None else None
        event("serving", ports=sorted(sockets), era=config.protocol.era, pid=os.getpid())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *serving], return_when=asyncio.FIRST_COMPLETED)
        end = asyncio.get_running_loop().time() + config.protocol.drain_seconds
        app.drain.ends_at = end
        await _drain(config, app, listeners[public_port], end)
        if renewal is not None:
            renewal.cancel()
        listeners.pop(public_port).stop_at(end)
        if app.drain.cancelled:
            await wait_for_final_scrape(config.server, listeners)
            end = asyncio.get_running_loop().time() + LAST_WORDS_SECONDS
        for listener in listeners.values():
            listener.stop_at(end)
        await asyncio.gather(*serving)
    event("stopped")
    if link is not None and linked is not None:
        linked.cancel()
        await link.close()


def _stop_at_signals(stop: asyncio.Event, *, worker: bool) -> None:
    """Set `stop` at SIGTERM or SIGINT; a second signal ends the process at once.

    A worker gets SIGTERM from its parent, which takes the signals of both.
    """
    loop = asyncio.get_running_loop()
    if worker:
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        return

    def signalled(number: int) -> None:
        if stop.is_set():
            event("stopping_at_once", logging.WARNING)
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled, number)


async def _drain(config: ServerConfig, app: Served, public: Listener, end: float) -> None:
    """Wait for running calls and cancel those left; it takes until shortly before `end`.

    Args:
        end: the time of the event loop at which the process has to be gone.
    """
    drain, budget = app.drain, config.protocol.drain_seconds
    last_words = min(LAST_WORDS_SECONDS, budget / 4)
    drain.begin()
    public.end_connections()
    event("draining", in_flight=drain.in_flight(), streams=len(drain.exchanges), seconds=budget)
    # A call that begins before this time ends before it would be cancelled.
    begun = asyncio.get_running_loop().time()
    latest = end - last_words - config.protocol.longest_tool_seconds
    latest = max(latest, end - budget + min(QUIET_SECONDS, budget / 10))
    first_request = min(FIRST_REQUEST_SECONDS, max(latest - begun, 0) / 2)
    await _quiet(public, begun, latest - first_request)
    public.stop_accepting()
    await asyncio.sleep(0)  # the arrival of what the event loop has just accepted counts from now
    await _quiet(public, begun, latest)
    public.close_unused_connections()
    await _finish(drain, end, last_words)
    public.close_websockets()


async def _quiet(public: Listener, begun: float, latest: float) -> None:
    """Wait until clients send nothing more, but not longer than until `latest`.

    Args:
        begun: when the drain began; all times are those of the event loop.
    """
    clock = asyncio.get_running_loop().time
    while (now := clock()) < latest:
        patience = KEPT_SECONDS if public.has_unused_connections() else QUIET_SECONDS
        if now - max(begun, public.arrivals.latest) >= patience:
            break
        await asyncio.sleep(min(POLL_SECONDS, latest - now))


async def _finish(drain: Drain, end: float, last_words: float) -> None:
    """Wait until the running calls end, or cancel them, then end the streams.

    Of the `last_words`, a third each is for the errors of cancelled calls and for the streams, and
    a third is left for the connections. A client that reads nothing lengthens none of them.
    """
    clock = asyncio.get_running_loop().time
    if not await drain.idle(end - last_words - clock()):
        event("drain_cancelled_calls", calls=drain.cancel_calls())
        await drain.idle(end - last_words * 2 / 3 - clock())
    await drain.end_standing(end - last_words / 3 - clock())


def _side(server: ServerSection, app: Served, port: int) -> ASGIApp:
    return app.metrics if port == server.metrics_port else app.probes


def _certificate(server: ServerSection) -> Certificate | None:
    if server.tls_cert is None or server.tls_key is None:
        return None
    return Certificate(server.tls_cert, server.tls_key)


def _context(server: ServerSection, certificate: Certificate | None) -> ssl.SSLContext | None:
    if server.tls_self_signed:
        from .self_signed import self_signed_context

        return self_signed_context()
    return certificate.context if certificate else None
