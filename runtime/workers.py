"""Runs a server as several worker processes on one port, and replaces those that end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from logging import ERROR, INFO, WARNING
from typing import Any, Final

from .config import ServerConfig
from .final_scrape import wait_for_final_scrape
from .http_listener import Listener
from .logs import configure, event
from .metrics import CALLS_CANCELLED_BY_DRAIN
from .sockets import shared_socket
from .toml_config import StartError
from .whole_lines import WholeLines
from .worker_link import Worker
from .worker_probes import WorkerProbes
from .worker_process import Serve, forked

STEADY_SECONDS: Final = 5.0
"""A worker that ran at least this long before it ended is replaced at once."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
"""Seconds before a worker that ended earlier is replaced; doubled each time."""
CLOSED_DELAY: Final = 1.0
"""With a longer delay the worker's socket is closed, so new connections go to the others."""
STARTS: Final = 5
"""The server exits after this many workers in a row that ended before they served."""
ASK_SECONDS: Final = 5.0
UNANSWERED: Final = 6
"""A worker is killed after this many unanswered requests for its report in a row."""
LATE_SECONDS: Final = 2.0
"""How much longer than `drain_seconds` a worker may take; the pod has 5 s more."""


@dataclass
class Slot:
    """One worker's number and listening socket, which its replacements take over.

    Attributes:
        listening: the worker's own listening socket. The parent has it too, so that connections
            wait in it for a replacement.
        failures: workers in a row that ended too early.
    """

    number: int
    listening: socket.socket | None = None
    failures: int = 0

    def close(self) -> None:
        """Refuse connections that no worker has accepted."""
        if self.listening is not None:
            self.listening.close()
            self.listening = None


@dataclass
class Stop:
    """How the server is being ended.

    Attributes:
        begun: whether workers are not replaced any more.
        number: the second signal, which has ended the workers at once.
        reason: why the server gives up.
    """

    begun: bool = False
    number: int | None = None
    reason: str | None = None


def run_workers(config: ServerConfig, sockets: Mapping[int, socket.socket], serve: Serve) -> None:
    """Run the workers until SIGTERM or SIGINT, and let them drain.

    Args:
        config: with more than one worker.
        sockets: all bound ports. The parent serves those of probes and metrics.
        serve: what each worker does.

    Raises:
        StartError: no worker stays alive.
        SystemExit: a second signal has ended the workers at once.
    """
    WholeLines.replace_stderr()
    configure(config)
    with asyncio.Runner() as runner:
        parent = Parent(config, dict(sockets), serve)
        runner.run(parent.open())
        while (slot := runner.run(parent.next_start())) is not None:
            # Fork between two runs of the event loop: a worker must not inherit a running one.
            runner.run(parent.follow(parent.fork(slot)))
        runner.run(parent.close())
    if parent.stop.number is not None:
        sys.exit(128 + parent.stop.number)
    if parent.stop.reason is not None:
        raise StartError(parent.stop.reason)


class Parent:
    """The process that starts and replaces the workers, and serves their probes and metrics.

    It serves no calls itself. Each worker has a listening socket of its own on the same port
    (`SO_REUSEPORT`), among which the kernel divides the connections.
    """

    def __init__(
        self, config: ServerConfig, sockets: dict[int, socket.socket], serve: Serve
    ) -> None:
        self.config = config
        self.serve = serve
        self.port = config.server.tls_port or config.server.port
        sockets.pop(self.port).close()  # it was bound only to check that the port is free
        self.slots = [
            Slot(number, shared_socket(config.server.host, self.port))
            for number in range(config.server.workers)
        ]
        self.sockets = sockets
        self.workers: dict[int, Worker] = {}
        self.starts: asyncio.Queue[Slot | None] = asyncio.Queue()
        self.stop = Stop()
        self.unserved = 0
        self.answers = WorkerProbes(self.workers, len(self.slots))
        self.tasks: set[asyncio.Task[None]] = set()
        self.listeners: dict[int, Listener] = {}
        self.serving: list[asyncio.Task[None]] = []
        self.reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Serve probes and metrics, and take signals."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for port, bound in self.sockets.items():
            side = self.answers
            app = side.metrics if port == self.config.server.metrics_port else side.probes
            listener = Listener(app, self.config.limits, None)
            self.listeners[port] = listener
            self.serving.append(self._task(listener.serve([bound])))
        for slot in self.slots:
            self.starts.put_nowait(slot)
        self._task(self._watch_silence())

    async def next_start(self) -> Slot | None:
        """Wait until a worker is to be started; None once all have ended."""
        while True:
            slot = await self.starts.get()
            if not self.stop.begun and slot is not None:
                return slot
            if self.stop.begun and not self.workers:
                return None

    def fork(self, slot: Slot) -> Worker:
        """Start the worker of `slot`; returns in the parent only."""
        if slot.listening is None:
            slot.listening = shared_socket(self.config.server.host, self.port)
        return forked(self.config, self.serve, slot.number, self.port, slot.listening)

    async def follow(self, worker: Worker) -> None:
        """Follow a worker that has just been started."""
        self.workers[worker.number] = worker
        self._reap()  # it may have ended while the event loop did not run
        if self.stop.begun:
            _send(worker, signal.SIGTERM)
        self._task(self._follow_to_end(worker))

    async def close(self) -> None:
        """End the listeners of probes and metrics, once the number of cancelled calls is read."""
        cancelled = self.answers.totals.kept(f"{CALLS_CANCELLED_BY_DRAIN}_total")
        if self.stop.number is None and cancelled > 0:
            self.reading = self._task(wait_for_final_scrape(self.config.server, self.listeners))
            await asyncio.wait([self.reading])
        for listener in self.listeners.values():
            listener.should_exit = True
        await asyncio.gather(*self.serving)
        event("stopped")

    async def _follow_to_end(self, worker: Worker) -> None:
        await worker.follow(self._started)
        await worker.ended.wait()
        del self.workers[worker.number]
        if worker.report is not None:
            self.answers.totals.keep(worker.report.families)
        if self.stop.begun:
            event("worker_ended", worker=worker.number, pid=worker.pid, status=worker.status)
            self.starts.put_nowait(None)
            return
        self._replace(worker, self.slots[worker.number])

    def _started(self) -> None:
        self.unserved = 0

    def _replace(self, worker: Worker, slot: Slot) -> None:
        ran = time.monotonic() - worker.forked_at
        if worker.report is None:
            self.unserved += 1
        if self.unserved >= STARTS and not any(one.report for one in self.workers.values()):
            self._give_up(worker)
            return
        slot.failures = 0 if ran > STEADY_SECONDS else slot.failures + 1
        delay = min(FIRST_DELAY * 2 ** (slot.failures - 1), LONGEST_DELAY) if slot.failures else 0.0
        event(
            "worker_ended",
            INFO if worker.status == 0 else WARNING,
            worker=worker.number,
            pid=worker.pid,
            status=worker.status,
            ran_seconds=round(ran, 3),
            replaced_in_seconds=delay,
        )
        self.answers.replaced.inc()
        if delay > CLOSED_DELAY:
            slot.close()
        asyncio.get_running_loop().call_later(delay, self._start, slot)

    def _start(self, slot: Slot) -> None:
        if not self.stop.begun:
            self.starts.put_nowait(slot)

    def _give_up(self, worker: Worker) -> None:
        self.stop.reason = (
            f"{self.unserved} worker processes in a row ended before they served, the last one "
            f"with {_in_words(worker.status)}: the lines above say why"
        )
        event("giving_up", ERROR, workers=self.unserved, status=worker.status)
        self._begin_stop()

    def _signalled(self, number: int) -> None:
        if not self.stop.begun:
            self._begin_stop()
        elif self.stop.number is None:
            self.stop.number = number
            event("stopping_at_once", WARNING, workers=len(self.workers))
            self._kill_all()
            if self.reading is not None:
                self.reading.cancel()

    def _begin_stop(self) -> None:
        """Let the workers drain. None is replaced any more, and each closes its own socket."""
        self.stop.begun = True
        for slot in self.slots:
            slot.close()
        for worker in self.workers.values():
            _send(worker, signal.SIGTERM)
        latest = self.config.protocol.drain_seconds + LATE_SECONDS
        asyncio.get_running_loop().call_later(latest, self._kill_all)
        self.starts.put_nowait(None)

    def _kill_all(self) -> None:
        for worker in self.workers.values():
            _send(worker, signal.SIGKILL)

    def _reap(self) -> None:
        for worker in self.workers.values():
            if not worker.ended.is_set():
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    worker.status = os.waitstatus_to_exitcode(status)
                    worker.ended.set()

    async def _watch_silence(self) -> None:
        """Ask the workers at intervals, and kill those that do not answer."""
        while True:
            asked = list(self.workers.values())
            answers = (worker.ask(ASK_SECONDS) for worker in asked)
            await asyncio.gather(asyncio.sleep(ASK_SECONDS), *answers)
            for worker in asked:
                if worker.unanswered >= UNANSWERED and not worker.ended.is_set():
                    event("worker_silent", WARNING, worker=worker.number, pid=worker.pid)
                    _send(worker, signal.SIGKILL)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


def _send(worker: Worker, number: int) -> None:
    """Send a signal to a worker that has not been waited for, so that its id is still its own."""
    if not worker.ended.is_set():
        with suppress(ProcessLookupError):
            os.kill(worker.pid, number)


def _in_words(status: int) -> str:
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
