"""Progress is shown as lines in a log, and as a live display on a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from delivery.progress import Progress


def lines(file: io.StringIO) -> list[str]:
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", file.getvalue())
    return [re.sub(r"\d+\.\d s", "_ s", re.sub(r"^\[ *\d+s\] ", "", x)) for x in plain.splitlines()]


def test_a_log_gets_a_line_for_every_event_and_none_twice() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file, width=60))
    with progress.step("Local node") as step:
        progress.say("building etcd")
        progress.say("building etcd")
        step.result = "up"
    assert lines(file) == ["Local node …", "  building etcd", "Local node: up (_ s)"]


def test_a_log_gets_only_the_rows_that_changed() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file, width=60))
    with progress.step("Workloads"):
        progress.show({"a": "0 of 1", "b": "0 of 1"})
        progress.show({"a": "ready", "b": "0 of 1"})
    assert lines(file)[1:-1] == ["  a: 0 of 1", "  b: 0 of 1", "  a: ready"]


def test_a_long_line_is_not_cut_in_a_log() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file, width=20))
    with progress.step("Images"):
        progress.say("x" * 100)
    assert "  " + "x" * 100 in lines(file)


def test_a_step_that_fails_says_so_and_lets_the_failure_pass() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file, width=60))
    with pytest.raises(ValueError, match="broken"), progress.step("Images"):
        raise ValueError("broken")
    assert lines(file)[-1] == "Images: failed (_ s)"


def test_a_terminal_shows_the_step_that_runs_and_keeps_how_it_ended() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file, width=60, force_terminal=True))
    with progress.step("Workloads") as step:
        progress.show({"Deployment mcp-server": "0 of 1 pods ready"})
        step.result = "1 ready"
    shown = "\n".join(lines(file))
    assert "Deployment mcp-server" in shown
    assert "✓ Workloads  _ s  1 ready" in shown


def test_text_from_programs_is_never_taken_for_markup() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file, width=60))
    with progress.step("Node"):
        progress.say("[bold]x[/nothing]")
    assert "  [bold]x[/nothing]" in lines(file)
