"""Measures `qudag-mcp preview` of each stack, as a person waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

RUNS = 4
"""Number of previews of each stack; the first writes bytecode, and the fastest counts."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Wall time and CPU time of a preview with all checks, in seconds."""

    stack: str
    seconds: float
    cpu_seconds: float


def measure(stacks: list[str], tell: Callable[[str], None]) -> list[Preview]:
    """Preview each stack in processes of their own."""
    found: list[Preview] = []
    for stack in stacks:
        tell(f"preview: {stack}")
        runs = [_run(stack) for _ in range(RUNS)]
        found.append(min(runs, key=lambda run: run.cpu_seconds))
    return found


def _run(stack: str) -> Preview:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "delivery", "preview", "--stack", stack],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Preview(stack=stack, seconds=seconds, cpu_seconds=used.ru_utime + used.ru_stime)


def table(previews: list[Preview]) -> Table:
    """The table of all stacks."""
    from rich.table import Table

    shown = Table(title="qudag-mcp preview, with all checks")
    for heading in ("stack", "CPU seconds", "seconds"):
        shown.add_column(heading, justify="left" if heading == "stack" else "right")
    for one in previews:
        shown.add_row(one.stack, f"{one.cpu_seconds:.2f}", f"{one.seconds:.2f}")
    return shown
