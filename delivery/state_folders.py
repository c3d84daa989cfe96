"""The folders for state and caches, outside the repository, and the lock of a stack."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from components.base.problems import Problem, ProblemReport

from . import orphaned_processes

_held: list[int] = []


def state_folder(stack: str) -> Path:
    """The stack's folder for outputs, CA certificate and Pulumi backend; created if absent.

    It is in ``QUDAG_MCP_STATE``, else where the XDG base directory specification says.
    """
    return _made(_states() / stack)


def known_stacks() -> list[str]:
    """The names of the stacks that have a state folder."""
    return sorted(folder.name for folder in _states().glob("*") if folder.is_dir())


def _states() -> Path:
    if own := os.environ.get("QUDAG_MCP_STATE"):
        return Path(own)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state", "qudag-mcp")


def tools_cache() -> Path:
    """The folder for downloaded programs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return _made(Path(base, "qudag-mcp", "tools"))


def write_atomically(file: Path, text: str) -> None:
    """Write a file atomically, readable by its owner only.

    Raises:
        ProblemReport: the disk is full, or this user may not write to the folder.
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
                "later commands need this file",
                "free disk space or fix permissions, then run this again: it continues",
            )
        ]
    )


@contextlib.contextmanager
def locked_stack(stack: str, verb: str, say: Callable[[str], None]) -> Generator[Path]:
    """Lock the stack for this command and for the programs that it starts.

    The programs inherit the lock (``held_locks``), so the kernel releases it when the last of them
    has ended. Programs of a killed command are waited for, then terminated.

    Args:
        say: shows a message about what is waited for.

    Raises:
        ProblemReport: another command holds the lock.
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
                        f"running {verb} at the same time would leave the stack half changed",
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
            # Unlocks it for the programs that inherited it too: they no longer change the stack.
            fcntl.flock(lock, fcntl.LOCK_UN)


def held_locks() -> tuple[int, ...]:
    """File descriptors of this command's locks, for programs that must inherit them."""
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
                    f"this folder cannot be created: {failure.strerror}",
                    "commands cannot keep state",
                    "free disk space, fix permissions, or set XDG_STATE_HOME and XDG_CACHE_HOME",
                )
            ]
        ) from failure
    if wrong := _open_to_others(folder):
        raise ProblemReport(
            [
                Problem(
                    str(folder),
                    wrong,
                    "another user of this machine could read credentials, or replace programs",
                    "remove it, or set XDG_STATE_HOME and XDG_CACHE_HOME to folders of yours",
                )
            ]
        )
    return folder


def _open_to_others(folder: Path) -> str | None:
    """Why another user can change what is in the folder; None if none can."""
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "it is a link, which another user may have put there"
    if found.st_uid != os.geteuid():
        return f"it belongs to another user ({found.st_uid})"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others can write to it (mode {stat.S_IMODE(found.st_mode):o})"
    return None
