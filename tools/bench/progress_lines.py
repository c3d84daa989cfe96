"""One line for each step of the bench, with the time and the load of the machine at its start."""

from __future__ import annotations

import os
import sys
import time


class ProgressLines:
    """Writes to standard error, so that the tables alone are in a file of the output."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def tell(self, step: str) -> None:
        """Say which step begins."""
        seconds = time.monotonic() - self.began
        load = os.getloadavg()[0]
        print(f"{seconds:5.0f} s  load {load:4.1f}  {step}", file=sys.stderr, flush=True)
