"""Where things that outlive a command are kept: outside the repository, a folder a stack."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from components.base.problems import Problem, ProblemReport

from . import orphaned_processes

_held: list[int] = []


def state_folder(stack: str) -> Path:
    """The stack's state: outputs, the public certificate, Pulumi's backend. Made when absent.

    ``QUDAG_MCP_STATE`` moves it, else the XDG base directory specification says where.
    """
    return _made(_states() / stack)


def known_stacks() -> list[str]:
    """Names of the stacks that have a folder here."""
    return sorted(folder.name for folder in _states().glob("*") if folder.is_dir())


def _states() -> Path:
    if own := os.environ.get("QUDAG_MCP_STATE"):
        return Path(own)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state", "qudag-mcp")


def tools_cache() -> Path:
    """Where downloaded programs are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return _made(Path(base, "qudag-mcp", "tools"))


def write_atomically(file: Path, text: str) -> None:
    """Writes a file whole or not at all, for its owner only.

    Raises:
        ProblemReport: the disk is full, or the folder is not ours to write.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        new.touch(mode=0o600)
        new.write_text(text)
        new.replace(file)
    except OSError as failure:
        raise _unwritable(file, failure) from failure


def _unwritable(file: Path, failure: OSError) -> ProblemReport:
    return ProblemReport(
        [
            Problem(
                str(file),
                f"it cannot be written: {failure.strerror}",
                "the next command would not know what this one did",
                "make room or rights there, then run this again: it goes on from here",
            )
        ]
    )


@contextlib.contextmanager
def locked_stack(stack: str, verb: str, say: Callable[[str], None]) -> Generator[Path]:
    """Holds the stack for this command, and for the programs it starts to work on the stack.

    They inherit the lock (``held_locks``), so that the kernel lets go of it when the last of them
    has ended, however. What a killed command left running is waited for, then ended.

    Args:
        say: told what is waited for.

    Raises:
        ProblemReport: another command holds it.
    """
    folder = state_folder(stack)
    with (folder / "lock").open("a+") as lock:
        if not orphaned_processes.end_orphans(folder / "lock", lambda: _taken(lock), say):
            lock.seek(0)
            holder = lock.read().strip() or "another command"
            raise ProblemReport(
                [
                    Problem(
                        f"stack {stack}",
                        f"{holder} is working on it",
                        f"{verb} beside it would undo half of what the other does",
                        "wait until it ends, or stop it with Ctrl-C, and run this again",
                    )
                ]
            )
        try:
            lock.seek(0)
            lock.truncate()
            lock.write(f"`{verb}` (process {os.getpid()})")
            lock.flush()
        except OSError as failure:
            raise _unwritable(folder / "lock", failure) from failure
        _held.append(lock.fileno())
        try:
            yield folder
        finally:
            _held.remove(lock.fileno())
            # For those who inherited it as well: what still ends no longer works on the stack.
            fcntl.flock(lock, fcntl.LOCK_UN)


def held_locks() -> tuple[int, ...]:
    """Descriptors of the locks that this command holds, for programs that work under them."""
    return tuple(_held)


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as failure:
        raise ProblemReport(
            [
                Problem(
                    str(folder),
                    f"this folder cannot be made: {failure.strerror}",
                    "nothing can be remembered between commands",
                    "make room or rights there, or set XDG_STATE_HOME and XDG_CACHE_HOME",
                )
            ]
        ) from failure
    return folder
