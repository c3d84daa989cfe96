"""Waits for the programs that a killed command left running on its stack, then terminates them.

Pulumi and kubectl inherit the lock of the command that started them. They are found by that lock,
not by name or process id, because another process may have the same by now.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

EXIT_SECONDS = 60.0
"""How long a program may take to end by itself after its command was killed."""

TERMINATE_SECONDS = 10.0
"""How long a program may take to end after a signal; then it is killed."""

_PROC = Path("/proc")


def end_orphans(lock: Path, taken: Callable[[], bool], say: Callable[[str], None]) -> bool:
    """Wait until orphans release the lock; False if a running command or another user holds it.

    Args:
        taken: tries to take the lock.
        say: shows a message to the user.
    """
    started = time.monotonic()
    told = False
    while not taken():
        left, command_lives = holders(lock)
        if command_lives or not left:  # not orphans: another user's, or there is no /proc
            return taken()
        if not told:
            names = ", ".join(_called(pid) for pid in left)
            say(f"waiting for what a killed command left running: {names}")
            told = True
        waited = time.monotonic() - started
        if waited > EXIT_SECONDS + 2 * TERMINATE_SECONDS:
            return False
        if waited > EXIT_SECONDS + TERMINATE_SECONDS or not _has_leader(left):
            _tell(left, signal.SIGKILL)
        elif waited > EXIT_SECONDS:
            _tell(left, signal.SIGINT)
        time.sleep(0.2)
    return True


def holders(file: Path) -> tuple[list[int], bool]:
    """The processes that share the lock on the file, and whether its first holder still runs."""
    wanted = file.stat()
    sharing: set[int] = set()
    takers: set[int] = set()
    for link in _PROC.glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            there = link.stat()
            if (there.st_dev, there.st_ino) != (wanted.st_dev, wanted.st_ino):
                continue
            details = (link.parents[1] / "fdinfo" / link.name).read_text()
            if found := re.search(r"^lock:.*\bFLOCK\b\D*(\d+) ", details, re.MULTILINE):
                sharing.add(int(link.parts[2]))
                takers.add(int(found[1]))
    return sorted(sharing), bool(sharing & takers)


def _has_leader(pids: list[int]) -> bool:
    """Whether one of the processes leads a session, as each program that we start does.

    The leader ends the others of its session, so without one they are terminated at once.
    """
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == pid:
                return True
    return False


def _called(pid: int) -> str:
    try:
        return f"{(_PROC / str(pid) / 'comm').read_text().strip()} ({pid})"
    except OSError:
        return str(pid)


def _tell(pids: list[int], sign: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
