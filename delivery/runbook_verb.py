"""The subcommand that prints the runbook of an alert."""

from __future__ import annotations

from typing import Annotated

import typer


def runbook(
    alert: Annotated[
        str | None,
        typer.Argument(metavar="[ALERT]", help="Name of the alert; default: list all of them."),
    ] = None,
) -> None:
    """Print the runbook of an alert: its meaning, the first commands, causes and escalation.

    The pages are part of this program: neither a cluster nor the network is needed.
    """
    from components.base.problems import Problem, ProblemReport
    from components.observability.runbook_text import pages, plain, summary

    known = pages()
    if alert is None:
        for name, path in known.items():
            typer.echo(f"{name}: {summary(path)}")
        return
    asked = alert.removesuffix(".md").replace("-", "").lower()
    for name, path in known.items():
        if name.lower() == asked:
            typer.echo(plain(path.read_text()), nl=False)
            return
    import difflib

    lower = {name.lower(): name for name in known}
    close = [lower[one] for one in difflib.get_close_matches(asked, lower, n=3, cutoff=0.5)]
    raise ProblemReport(
        [
            Problem(
                path=f"qudag-mcp runbook {alert}",
                what="is not the name of an alert of this version",
                consequence="nothing was printed",
                fix=f"write {' or '.join(close)}" if close else "qudag-mcp runbook lists the names",
            )
        ]
    )


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(runbook)
