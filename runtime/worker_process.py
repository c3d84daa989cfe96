"""Forks a worker process, which shares the memory of the loaded modules with its parent."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Collection, Coroutine, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn

from .config import ServerConfig
from .logs import configure
from .toml_config import ConfigError, StartError
from .whole_lines import WholeLines
from .worker_link import Worker

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
Serve = Callable[[Mapping[int, socket.socket], socket.socket], Coroutine[Any, Any, None]]
"""Serves on bound sockets, with the worker's end of its connection to the parent."""


def forked(
    config: ServerConfig, serve: Serve, number: int, port: int, listening: socket.socket
) -> Worker:
    """Start the worker of this number; returns in the parent only, where no event loop may run."""
    ours, theirs = socket.socketpair()
    with _blocked_signals():
        pid = os.fork()
        if pid == 0:
            _work(config, number, theirs, listening, lambda: serve({port: listening}, theirs))
    theirs.close()
    return Worker(number, pid, ours)


def _work(
    config: ServerConfig,
    number: int,
    channel: socket.socket,
    listening: socket.socket,
    serve: Callable[[], Coroutine[Any, Any, None]],
) -> NoReturn:
    """Serve, and end the process without closing objects of the parent, which are here as well."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to each process
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        _close_all_but({listening.fileno(), channel.fileno()})
        configure(config, worker=number)
        gc.freeze()
        asyncio.run(serve())
        status = 0
    except (ConfigError, StartError) as error:
        for line in str(error).splitlines():
            print(f"qudag-mcp-server: {line}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _close_all_but(kept: Collection[int]) -> None:
    """Close the parent's descriptors: connections, sockets of other workers, its event loop."""
    standard = {0, 1, 2}
    if isinstance(sys.stderr, WholeLines):
        standard.add(sys.stderr.lock)
    for name in os.listdir("/dev/fd"):
        if int(name) not in {*standard, *kept}:
            with suppress(OSError):  # the one that listed the directory is closed already
                os.close(int(name))


@contextmanager
def _blocked_signals() -> Generator[None]:
    """Hold back signals, which a new process would take with the handlers of its parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
