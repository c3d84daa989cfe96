"""Prints the results of platform checks as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from review.report import terminal

from .checks import Check, CheckStatus

_STYLES = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.FAILED: "red",
    CheckStatus.NOT_CHECKED: "yellow",
}


def show(checks: Iterable[Check]) -> None:
    """Print one row per check: name, result, duration and finding."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("check", "result", "took", "found"):
        table.add_column(column, overflow="fold", justify="right" if column == "took" else "left")
    for one in checks:
        table.add_row(
            one.what,
            Text(one.status.value, style=_STYLES[one.status]),
            f"{one.seconds * 1000:.0f} ms" if one.seconds else "",
            Text(one.found),
        )
    terminal.console().print(table)
