"""A standard error stream whose lines are never mixed with those of another process."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from typing import TextIO, cast

STDERR = 2


class WholeLines(io.TextIOBase):
    """Writes whole lines to a descriptor that several processes share.

    A pipe may split a write of more than 4 KiB, and the bytes of others may come between. So each
    line is written under a lock, which the kernel releases when its process ends.
    """

    def __init__(self, lock: int, descriptor: int = STDERR) -> None:
        super().__init__()
        self.lock = lock
        self.descriptor = descriptor
        self.part = ""

    @classmethod
    def replace_stderr(cls) -> None:
        """Make this the `sys.stderr` of this process and of those that it forks from now on."""
        lock = os.memfd_create("stderr-lock", os.MFD_CLOEXEC)
        sys.stderr = cast("TextIO", cls(lock))

    def write(self, text: str) -> int:
        """Write the lines that `text` completes; the rest waits for its end."""
        lines, newline, self.part = (self.part + text).rpartition("\n")
        data = (lines + newline).encode(errors="backslashreplace")
        if data:
            fcntl.lockf(self.lock, fcntl.LOCK_EX)
            try:
                while data:
                    data = data[os.write(self.descriptor, data) :]
            finally:
                fcntl.lockf(self.lock, fcntl.LOCK_UN)
        return len(text)

    def fileno(self) -> int:
        """The descriptor."""
        return self.descriptor
