"""Runs a program with a time limit, and ends every process that it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIME_LIMIT: Final = 300.0
"""Seconds that a previewed program may run."""

_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        status: its exit status; None where it was ended at the time limit.
        errors: what it wrote to standard error.
    """

    status: int | None
    errors: str


def run(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], seconds: float
) -> Ended:
    """Runs a command in a folder until it ends or the time is over.

    Its output goes to a file: a process that it leaves behind may keep a pipe open forever.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        _running.add(process)
        try:
            status: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _stop(process)
        errors.seek(0)
        return Ended(status, errors.read().decode(errors="replace"))


def stop_all() -> None:
    """Ends every program that runs: after an interruption nobody waits for them."""
    for process in [*_running]:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those of its session."""
    _running.discard(process)
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
