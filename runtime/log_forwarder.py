"""The command `qudag-mcp-server forward-logs`: takes log lines in OTLP, and stores them.

It keeps nothing itself: a request is answered with 200 once the store has all of its lines. The
collector sends a request again after 429, 502, 503, 504, and without an answer. After any other
status, also 500, it drops the lines.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .certificate import Certificate
from .config import ServerConfig
from .elasticsearch_client import Refused, StoreClient, StoreError
from .elasticsearch_config import ForwarderConfig
from .elasticsearch_documents import MalformedError, documents
from .http_listener import Listener
from .limits_config import MIB, LimitsSection
from .log_metrics import LogMetrics
from .log_retention import RETENTION_PATH
from .logs import configure, event
from .metrics_port import serve as serve_metrics
from .server_config import ServerSection
from .sockets import shared_socket
from .toml_config import ConfigError, StartError, read_table

AT_ONCE: Final = 2
"""Requests that are held in memory; others wait, and are answered with 503 after a while."""
WAIT_SECONDS: Final = 10.0
LARGEST_REQUEST: Final = 16 * MIB
"""Bytes; those of the collectors are smaller (`LARGEST_BATCH` of log_pipeline.py)."""
LARGEST_BULK: Final = 5 * MIB
"""Bytes of documents in one request to the store, unless one document has more."""
LOG_AGAIN_SECONDS: Final = 60.0
MAX_LOGGED_FAILURES: Final = 5
"""Lines of one event in that time, whatever they say."""
DRAIN_SECONDS: Final = 25.0
LAST_SECONDS: Final = 2.0
"""The end of the drain, in which connections are closed."""
ANSWER_SECONDS: Final = 22.0
"""From a request's headers to its answer: less than the drain has, and the collector waits (30)."""


class Forwarder:
    """The application: `POST /v1/logs` stores lines, `GET /health` answers 200.

    The job that deletes old lines tells of each run that succeeds at `POST /v1/retention`.
    """

    def __init__(self, client: StoreClient) -> None:
        self.client = client
        self.metrics = LogMetrics()
        self.streams = frozenset(client.section.streams)
        self.free = asyncio.Semaphore(AT_ONCE)
        self.streams_exist = False
        self.unavailable = False
        self.logged: dict[tuple[str, str], float] = {}
        self.app = Starlette(
            routes=[
                Route("/v1/logs", self.take, methods=["POST"]),
                Route(RETENTION_PATH, self.note_retention, methods=["POST"]),
                Route("/health", _healthy, methods=["GET"]),
            ]
        )

    async def take(self, request: Request) -> Response:
        """Store the lines of a request."""
        with self.metrics.unanswered.track_inprogress():
            answer = await self._take_in_time(request)
        self.metrics.requests.labels(str(answer.status_code)).inc()
        return answer

    async def note_retention(self, _: Request) -> Response:
        """Note that a run of the retention has succeeded."""
        self.metrics.retention.end()
        return JSONResponse({})

    async def _take_in_time(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._take(request)
        except TimeoutError:
            failure = f"not stored within {ANSWER_SECONDS:g} s"
            if getattr(request.state, "asks_store", False):  # else the client is slow
                self._note_unavailable(failure)
            return _answer(503, failure)
        except ClientDisconnect:
            return _answer(503, "the client has gone")

    async def _take(self, request: Request) -> Response:
        try:
            await asyncio.wait_for(self.free.acquire(), WAIT_SECONDS)
        except TimeoutError:
            return _answer(503, "too many requests at once")
        try:
            body = await _body(request)
            if body is None:
                return _answer(413, f"more than {LARGEST_REQUEST // MIB} MiB")
            request.state.asks_store = True
            return await self._store(body)
        except (TimeoutError, ClientDisconnect):
            raise
        except Exception as error:  # after a 500 the collector drops the lines
            failure = type(error).__name__
            self._log_failure("storing_failed", failure, logging.ERROR)
            return _answer(503, failure)
        finally:
            self.free.release()

    async def _store(self, body: bytes) -> Response:
        try:
            found = documents(json.loads(body), self.streams)
        except (MalformedError, ValueError, RecursionError) as error:
            self._log_failure("lines_malformed", type(error).__name__, logging.ERROR)
            return _answer(400, str(error))
        refused: list[Refused] = []
        try:
            await self._check_streams()
            for stream, each in found.items():
                for part in parts(each):
                    refused += await self._store_part(stream, part)
        except StoreError as error:
            self._note_unavailable(str(error))
            return _answer(503, str(error))
        self.metrics.store_up.set(1)
        if self.unavailable:
            event("store_available")
            self.unavailable = False
        if refused:
            failure = ", ".join(sorted({f"{one.status} {one.kind}" for one in refused}))
            self._log_failure("lines_refused", failure, logging.ERROR, count=len(refused))
            return _answer(400, f"{len(refused)} lines are refused")
        return JSONResponse({})

    def _note_unavailable(self, failure: str) -> None:
        """Note that the store does not answer, answers an error, or is too slow."""
        self.metrics.store_up.set(0)
        self.unavailable |= self._log_failure("store_unavailable", failure)

    async def _store_part(self, stream: str, part: Sequence[tuple[str, bytes]]) -> list[Refused]:
        with self.metrics.store_seconds.time():
            refused = await self.client.store(stream, part)
        self.metrics.lines.labels("refused").inc(len(refused))
        self.metrics.lines.labels("stored").inc(len(part) - len(refused))
        return refused

    async def _check_streams(self) -> None:
        """Wait for the data streams: the store would make indexes of these names without them."""
        if self.streams_exist:
            return
        for stream in sorted(self.streams):
            status, _ = await self.client.ask("GET", f"_data_stream/{stream}", allowed=(200, 404))
            if status == 404:
                raise StoreError(f"there is no data stream {stream}: log-retention makes it")
        self.streams_exist = True

    def _log_failure(
        self, name: str, failure: str, level: int = logging.WARNING, **facts: object
    ) -> bool:
        """Log a failure, unless it was logged within a minute; returns whether it is logged.

        The forwarder's own lines are collected too: if each request had one, they would never end.
        """
        now = asyncio.get_running_loop().time()
        self.logged = {
            said: at for said, at in self.logged.items() if now - at <= LOG_AGAIN_SECONDS
        }
        same_event = sum(1 for logged, _ in self.logged if logged == name)
        if (name, failure) in self.logged or same_event >= MAX_LOGGED_FAILURES:
            return False
        self.logged[name, failure] = now
        event(name, level, failure=failure, **facts)
        return True


def parts(found: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """The documents in parts of at most ``LARGEST_BULK`` bytes."""
    part: list[tuple[str, bytes]] = []
    size = 0
    for one in found:
        if part and size + len(one[1]) > LARGEST_BULK:
            yield part
            part, size = [], 0
        part.append(one)
        size += len(one[1])
    if part:
        yield part


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too large."""
    found: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        found.append(chunk)
        size += len(chunk)
        if size > LARGEST_REQUEST:
            return None
    return b"".join(found)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _answer(status: int, message: str) -> Response:
    """A status of OTLP in JSON."""
    return JSONResponse({"message": message}, status_code=status)


async def serve(config: ForwarderConfig) -> None:
    """Serve until SIGTERM, then answer what has begun."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listen = config.listen
    certificate = Certificate(listen.cert, listen.key)
    client = StoreClient(config.store)
    forwarder = Forwarder(client)
    _serve_metrics(listen.metrics_port, forwarder.metrics)
    limits = LimitsSection(max_body_bytes=LARGEST_REQUEST)
    # After a 408 the collector would drop the lines of a request; without an answer it does not.
    listener = Listener(forwarder.app, limits, certificate.context, not_begun=b"")
    sock = shared_socket(listen.host, listen.port)
    serving = asyncio.create_task(listener.serve([sock]))
    renewal = asyncio.create_task(certificate.follow())
    event("serving", ports=[listen.port])
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, serving], return_when=asyncio.FIRST_COMPLETED)
    end = loop.time() + DRAIN_SECONDS
    listener.stop_accepting()
    listener.end_connections()
    listener.close_unused_connections()
    # `stop_at` cancels within a second what is in progress.
    while listener.has_requests() and loop.time() < end - LAST_SECONDS:
        await asyncio.sleep(0.05)
        listener.end_connections()
    listener.stop_at(end)
    await serving
    renewal.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await renewal
    await client.close()
    event("stopped")


def _serve_metrics(port: int, metrics: LogMetrics) -> None:
    try:
        serve_metrics(port, metrics.registry)
    except OSError as error:
        raise StartError(f"cannot listen on port {port}: {error.strerror}") from None


def forward_logs(arguments: Sequence[str]) -> int:
    """Run it: exit status 0 after SIGTERM, 1 failed, 2 wrong usage or configuration."""
    parser = argparse.ArgumentParser("qudag-mcp-server forward-logs", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="its configuration, in TOML")
    try:
        config = read_table(parser.parse_args(arguments).config, ForwarderConfig)
        configure(ServerConfig(server=ServerSection(name="log-forwarder")))
        asyncio.run(serve(config))
    except ConfigError as error:
        return _failed(error, 2)
    except StartError as error:
        return _failed(error, 1)
    return 0


def _failed(error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"qudag-mcp-server: {line}", file=sys.stderr)
    return status
