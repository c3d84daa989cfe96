"""Starts the server's program quickly, in forked processes.

They are forked from a process that has already imported the program (multiprocessing's fork
server), because imports take most of a start. Everything else is as in a real start: arguments,
sockets, signals, output, exit status.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["__main__", "runtime.serve", "runtime.schema", "runtime.bridge.application", "psycopg"]
)


def stop_fork_server() -> None:
    """End the process that forks others: the next one is started where this thread is now.

    It stays in the network namespace in which it was started, and so do the programs that it forks.
    Each of them holds it open, so it ends with the last one, which may be one of the whole session.
    """
    running: Any = vars(forkserver)["_forkserver"]
    with running._lock:
        if running._forkserver_pid is not None:
            os.close(running._forkserver_alive_fd)
            running._forkserver_alive_fd = running._forkserver_pid = None


class Program:
    """A started program.

    Attributes:
        stdout, stderr: files with its output.
    """

    def __init__(
        self,
        arguments: list[str],
        stdout: Path,
        stderr: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        for path in (stdout, stderr):
            path.write_bytes(b"")
        self._process = _CONTEXT.Process(
            target=_become, args=(arguments, stdout, stderr, dict(environment or {}))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Its exit status; None while it runs, negative if a signal ended it."""
        return self._process.exitcode

    def wait(self, within_seconds: float) -> int:
        """Wait for its end and return its exit status; fails if it does not end in time."""
        self._process.join(within_seconds)
        assert self._process.exitcode is not None, f"still running after {within_seconds} s"
        return self._process.exitcode

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Send it SIGKILL and wait."""
        self._process.kill()
        self._process.join()


def _become(
    arguments: list[str], stdout: Path, stderr: Path, environment: Mapping[str, str]
) -> None:
    os.environ.update(environment)
    for path, number in ((stdout, 1), (stderr, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    from runtime.__main__ import main

    sys.exit(main(arguments))
