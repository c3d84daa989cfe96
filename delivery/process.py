"""The one place that starts other programs: argument lists only, bounded, and gone when we go."""

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
        """The end of what it said, errors before output, for a message."""
        said = [line for line in (self.err or self.out).splitlines() if line.strip()]
        return "\n".join(said[-count:])


def find(program: str, *, needed_for: str, fix: str) -> Path:
    """The program on PATH; a report with the way to get it where there is none."""
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
    """Runs a program to its end and returns what it wrote.

    Args:
        argv: the program and its arguments; never a shell's text.
        stdin: what it reads; nothing when absent.
        env: variables added to ours.
        cwd: the folder that it runs in.
        timeout: seconds until it is stopped and ``TimeoutError`` is raised.
        on_line: called with each line of either stream as it comes.
        if_killed: the signal (``TERM``, ``INT``) that it gets when we are killed outright; where
            there is no util-linux it goes on alone.
        inherits: descriptors that it keeps open for as long as it runs.

    Raises:
        FileNotFoundError: there is no such program.
        TimeoutError: it was still running after ``timeout`` seconds.
        KeyboardInterrupt: after the program was told and has ended.
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
        # A daemon that the program left behind may hold the pipes open: its lines are not ours.
        for reader in readers:
            reader.join(timeout=2.0)
        return Outcome(status, "".join(streams[0]), "".join(streams[1]))


def on_terminal(argv: Sequence[str | Path], *, cwd: Path) -> int:
    """Runs a program that shares our terminal, Ctrl-C included; returns its exit status."""
    return subprocess.run([str(part) for part in argv], cwd=cwd, check=False).returncode


@contextlib.contextmanager
def background(argv: Sequence[str | Path]) -> Generator[Iterator[str]]:
    """Runs a program beside us for as long as the block lasts; yields its lines as they come."""
    with _started(_tied(argv, "TERM"), stdin=False) as child:
        yield iter(child.stdout or ())


def _tied(argv: Sequence[str | Path], sign: str) -> Sequence[str | Path]:
    """The command, made to get this signal when we are killed outright."""
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
    """A child in a process group of its own, so that Ctrl-C reaches it once and only through us."""
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
    """Asks the child's whole group to stop as a user would, then insists."""
    for sign, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, 2.0)):
        _tell(child, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            break
    _tell(child, signal.SIGKILL)  # a shell's background jobs hear no SIGINT
    child.wait()


def _tell(child: subprocess.Popen[str], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, sign)
