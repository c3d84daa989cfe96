"""Command lines and environments of the programs of a test, sampled while they run."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PAUSE_SECONDS: Final = 0.02
STARTERS: Final = ("unshare", "nsenter", "env", "setpriv", "mount", "chroot")
"""Programs by which the tests start a container, with its variables in their arguments."""


class WatchedProcesses:
    """The processes of this thread's network namespace.

    Attributes:
        command_lines: each that was seen, with its words in a row.
        environments: the variables of each process, by its command line.
    """

    def __init__(self) -> None:
        self.command_lines: set[str] = set()
        self.environments: dict[str, dict[str, str]] = {}
        self._namespace = os.readlink("/proc/thread-self/ns/net")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def variables(self, *, but: Collection[str]) -> dict[str, str]:
        """The environments as texts, without variables of these names."""
        return {
            f"the environment of {line}": "\n".join(
                f"{name}={value}" for name, value in variables.items() if name not in but
            )
            for line, variables in self.environments.items()
        }

    def _watch(self) -> None:
        own = str(os.getpid())
        while not self._ended.wait(PAUSE_SECONDS):
            for process in os.listdir("/proc"):
                if process.isdecimal() and process != own:
                    with contextlib.suppress(OSError):
                        self._see(Path("/proc", process))

    def _see(self, process: Path) -> None:
        if os.readlink(process / "ns/net") != self._namespace:
            return
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        if not words[0] or words[0] in STARTERS or any("isolate.sh" in word for word in words):
            return
        line = " ".join(words).strip()
        self.command_lines.add(line)
        text = (process / "environ").read_bytes().decode(errors="replace")
        pairs = (entry.partition("=") for entry in text.split("\0") if entry)
        self.environments.setdefault(line, {}).update((name, value) for name, _, value in pairs)
