"""Runs a program and passes its stdout on, up to a length of lines and of all lines together.

    python -I bounded_output.py LONGEST_LINE LONGEST COMMAND [ARGUMENT...]

Stdin and stderr are the program's own. At a limit the program is killed, and stderr says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO

EXCEEDED = "the program wrote more to stdout than add-server reads"
STATUS = 65
"""Exit status at a limit."""
READ_BYTES = 64 * 1024


def run(longest_line: int, longest: int, command: list[str]) -> int:
    """Run the command; returns its exit status."""
    program = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert program.stdout is not None
    # The program gets it too, by the process group. Without a handler nothing would wait for it.
    signal.signal(signal.SIGTERM, lambda _number, _frame: program.terminate())
    line = 0
    while data := os.read(program.stdout.fileno(), READ_BYTES):
        longest -= len(data)
        first, *others = (len(part) for part in data.split(b"\n"))
        longest_now = max(line + first, *others, 0)
        line = others[-1] if others else line + first
        if longest < 0 or longest_now > longest_line:
            program.kill()
            print(EXCEEDED, file=sys.stderr)
            return STATUS
        os.write(1, data)
    return program.wait()


def exceeded(log: IO[str]) -> bool:
    """Whether a program reached a limit, by its stderr."""
    log.seek(0)
    return any(line.rstrip("\n") == EXCEEDED for line in log)


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
