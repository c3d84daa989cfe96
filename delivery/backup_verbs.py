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
    volume: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Restore this volume of data.volumes instead of the database, to a new directory "
            "in it.",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Then give the live database's name to the restored one; the live one is renamed. "
            "Of a volume: move its files to a directory, and the restored ones into their place. "
            "Asks for the name of the live database or of the volume.",
        ),
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the live database or of the volume, instead of the question.",
        ),
    ] = None,
    cwd: Root = _ROOT,
) -> None:
    """Restore a backup of a deployed stack's database or of a volume, and compare it.

    The database is restored to a new one, and a volume to a new directory in it. What is live is
    not touched without --replace. A job in the cluster does it. After an interruption, run the
    command again: it waits for the same job.
    """
    from .database_restore import Wanted
    from .running_platform import database_restore
    from .stack_identity import StackIdentity

    restores = database_restore(StackIdentity.of(cwd, stack))
    wanted = Wanted(
        listing=listing, before=before, database=database, replace=replace, volume=volume
    )
    live = volume or restores.live_database()
    if replace and (confirm or typer.prompt(f"Replace {live}? Type its name")) != live:
        what = "volume" if volume else "live database"
        typer.echo(f"The {what} is {live}. Nothing was changed.", err=True)
        raise typer.Exit(1)
    typer.echo(restores.run(wanted, lambda line: typer.echo(line, err=True)))


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(restore)
