"""The subcommand that restores backups: restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cluster_verbs import Root, Stack

_ROOT = Path(__file__).resolve().parents[1]


def restore(  # noqa: PLR0917  (options of the command line)
    stack: Stack = "dev",
    listing: Annotated[bool, typer.Option("--list", help="List the backups.")] = False,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Restore the newest backup from before this time, for example "
            "2026-11-29T02:00:00Z; default: the newest.",
        ),
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the new database.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Then give the live database's name to the restored one; the live one is renamed. "
            "Asks for the name of the live database.",
        ),
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the live database, instead of the question."),
    ] = None,
    cwd: Root = _ROOT,
) -> None:
    """Restore a backup of a deployed stack's database to a new database, and compare it.

    The live database is not touched without --replace. A job in the cluster does it. After an
    interruption, run the command again: it waits for the same job.
    """
    from .database_restore import Wanted
    from .running_platform import database_restore
    from .stack_identity import StackIdentity

    restores = database_restore(StackIdentity.of(cwd, stack))
    live = restores.live_database()
    if replace and (confirm or typer.prompt(f"Replace {live}? Type its name")) != live:
        typer.echo(f"The live database is {live}. Nothing was changed.", err=True)
        raise typer.Exit(1)
    wanted = Wanted(listing=listing, before=before, database=database, replace=replace)
    typer.echo(restores.run(wanted, lambda line: typer.echo(line, err=True)))


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(restore)
