"""Starts other programs, without a shell; they end when this process ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import IO

from components.base.problems import Problem, ProblemReport

GRACE_SECONDS = 10.0
"""How long a program may take to end after Ctrl-C before it is killed."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit status (negative for a signal) and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    def last_lines(self, count: int = 6) -> str:
        """The last lines of stderr, else of stdout, for a message."""
        said = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return "\n".join(said[-count:])


def find(program: str, *, needed_for: str, fix: str) -> Path:
    """Find a program on PATH; raises a ``ProblemReport`` with ``fix`` if it is absent."""
    found = which(program)
    if found is None:
        raise ProblemReport(
            [Problem(program, f"{program} is not on PATH", f"{needed_for} cannot be done", fix)]
        )
    return Path(found)


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
    if_killed: str | None = None,
    inherits: Sequence[int] = (),
) -> Outcome:
    """Run a program to its end and return its exit status and output.

    Args:
        argv: the program and its arguments; not a shell command.
        stdin: text for its standard input; empty by default.
        env: variables added to this process's environment.
        cwd: its working directory.
        timeout: seconds until it is stopped and ``TimeoutError`` is raised.
        on_line: called with each line of stdout and stderr.
        if_killed: the signal (``TERM``, ``INT``) that it gets when this process is killed. Without
            util-linux it gets none.
        inherits: file descriptors that the program inherits.

    Raises:
        FileNotFoundError: there is no such program.
        TimeoutError: it was still running after ``timeout`` seconds.
        KeyboardInterrupt: after Ctrl-C, once the program has ended.
    """
    command = _tied(argv, if_killed) if if_killed else argv
    with _started(command, stdin=stdin is not None, env=env, cwd=cwd, inherits=inherits) as child:
        streams: list[list[str]] = [[], []]
        readers = [
            threading.Thread(target=_collect, args=(pipe, lines, on_line), daemon=True)
            for pipe, lines in zip((child.stdout, child.stderr), streams, strict=True)
        ]
        for reader in readers:
            reader.start()
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(stdin or "")
                child.stdin.close()
        try:
            status = child.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise TimeoutError(f"{Path(argv[0]).name} still ran after {timeout:g} s") from late
        # A daemon of the program may hold the pipes open: do not wait for its output.
        for reader in readers:
            reader.join(timeout=2.0)
        return Outcome(status, "".join(streams[0]), "".join(streams[1]))


def on_terminal(argv: Sequence[str | Path], *, cwd: Path) -> int:
    """Run a program on this process's terminal, which also gets Ctrl-C; returns its exit status."""
    return subprocess.run([str(part) for part in argv], cwd=cwd, check=False).returncode


@contextlib.contextmanager
def background(argv: Sequence[str | Path]) -> Generator[Iterator[str]]:
    """Run a program in the background while the block runs; yields its output lines."""
    with _started(_tied(argv, "TERM"), stdin=False) as child:
        yield iter(child.stdout or ())


def _tied(argv: Sequence[str | Path], sign: str) -> Sequence[str | Path]:
    """The command under ``setpriv``, so that it gets the signal when this process is killed."""
    return ["setpriv", "--pdeathsig", sign, *argv] if which("setpriv") else argv


def _collect(pipe: IO[str] | None, lines: list[str], on_line: Callable[[str], None] | None) -> None:
    for line in pipe or ():
        lines.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))


@contextlib.contextmanager
def _started(
    argv: Sequence[str | Path],
    *,
    stdin: bool,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    inherits: Sequence[int] = (),
) -> Generator[subprocess.Popen[str]]:
    """Start a child in its own session, so that it gets Ctrl-C only from this process."""
    child = subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **env} if env else None,
        cwd=cwd,
        start_new_session=True,
        pass_fds=inherits,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    """Stop the child's process group: SIGINT, then SIGTERM, then SIGKILL."""
    for sign, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, 2.0)):
        _tell(child, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            break
    _tell(child, signal.SIGKILL)  # a shell's background jobs ignore SIGINT
    child.wait()


def _tell(child: subprocess.Popen[str], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, sign)
