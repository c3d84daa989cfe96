"""Writes what a program prints to the log: one event a line, of limited length and number."""

from __future__ import annotations

import asyncio
import logging

from ..logs import event
from .lines import Lines, TooLong

LONGEST_LINE = 4096
"""Bytes; of a longer line the beginning is logged."""
LINES_PER_SECOND = 100
"""Of all processes of the program together. The rest is counted."""


class ProgramLog:
    """Logs lines that the processes of a program print, within one limit for all of them."""

    def __init__(self) -> None:
        self.second = -1
        self.written = 0
        self.dropped = 0

    async def follow(self, stream: asyncio.StreamReader, child: int) -> None:
        """Log the lines of one process until its stderr ends."""
        lines = Lines(LONGEST_LINE)
        while data := await stream.read(64 * 1024):
            for line in lines.feed(data):
                self.write("program_stderr", line, child)
        for line in lines.end():
            self.write("program_stderr", line, child)

    def write(self, name: str, line: bytes | TooLong, child: int) -> None:
        """Log one line as the event `name`, unless too many came in this second."""
        second = int(asyncio.get_running_loop().time())
        if second != self.second:
            if self.dropped:
                event("program_lines_dropped", logging.WARNING, lines=self.dropped)
            self.second, self.written, self.dropped = second, 0, 0
        if self.written >= LINES_PER_SECOND:
            self.dropped += 1
            return
        self.written += 1
        long = isinstance(line, TooLong)
        text = line.head if long else line[:LONGEST_LINE]
        size = line.size if long else len(line)
        if text.strip():
            cut = size if size > len(text) else None
            event(name, child=child, text=text.decode(errors="replace"), bytes=cut)
