"""Shows the progress of long work: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass
class Step:
    """One step of a long command.

    Attributes:
        title: what the step does.
        note: the latest message.
        rows: the state of each thing that is waited for.
    """

    title: str
    started: float = field(default_factory=time.monotonic)
    note: str = ""
    rows: dict[str, str] = field(default_factory=dict[str, str])
    result: str | None = None
    failed: bool = False
    ended: float | None = None

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.started


class Progress:
    """Shows the steps of a command, each with its elapsed time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self._live = console.is_terminal
        self._current: Step | None = None

    @property
    def seconds(self) -> float:
        """Seconds since this object was created."""
        return time.monotonic() - self.started

    @contextlib.contextmanager
    def step(self, title: str) -> Generator[Step]:
        """Show a step as running while the block runs, then its result."""
        step = Step(title)
        self._current = step
        if not self._live:
            self._line(f"{title} …")
        try:
            with self._picture(step):
                yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.ended = time.monotonic()
            self._current = None
            self._finished(step)

    def say(self, note: str) -> None:
        """Show a message in the running step."""
        if self._current is not None and self._current.note != note:
            self._current.note = note
            if not self._live:
                self._line(f"  {note}")

    def note(self, text: str) -> None:
        """Show a message outside of a step."""
        self._line(text)

    def show(self, rows: Mapping[str, str]) -> None:
        """Show the states of things that are waited for; plain output shows changes only."""
        if self._current is None:
            return
        if not self._live:
            for name, state in rows.items():
                if self._current.rows.get(name) != state:
                    self._line(f"  {name}: {state}")
        self._current.rows = dict(rows)

    def _line(self, text: str) -> None:
        self.console.print(
            f"[{self.seconds:4.0f}s] {text}", markup=False, highlight=False, soft_wrap=True
        )

    def _finished(self, step: Step) -> None:
        if not self._live:
            ending = "failed" if step.failed else (step.result or "done")
            self._line(f"{step.title}: {ending} ({step.seconds:.1f} s)")
            return
        mark, style = ("✗", "red") if step.failed else ("✓", "green")
        line = Text.assemble((f"{mark} ", style), step.title, (f"  {step.seconds:.1f} s", "dim"))
        if step.result and not step.failed:
            line.append(f"  {step.result}", style="cyan")
        self.console.print(line)

    @contextlib.contextmanager
    def _picture(self, step: Step) -> Generator[None]:
        if not self._live:
            yield
            return
        with Live(_Picture(step), console=self.console, transient=True, refresh_per_second=4):
            yield


class _Picture:
    """Renders the current state of a step for Rich."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.spinner = Spinner("dots")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        note = f"  {self.step.note}" if self.step.note else ""
        self.spinner.update(
            text=Text.assemble(
                self.step.title, (f"  {self.step.seconds:.0f} s", "dim"), (note, "cyan")
            )
        )
        yield self.spinner
        if self.step.rows:
            table = Table(box=None, show_header=False, padding=(0, 2))
            for name, state in self.step.rows.items():
                table.add_row("", name, Text(state, style="green" if state == "ready" else ""))
            yield table
