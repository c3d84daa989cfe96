"""The subcommand that restores backups, or says how a cloud restores its own: restore."""

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
            "2026-11-29T02:00:00Z; default: the newest. Of CloudNativePG and of a cloud's "
            "database: the state of this second.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the new database; of CloudNativePG and of a cloud: of the new cluster, "
            "instance or server.",
        ),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Restore this volume of data.volumes instead of the database, to a new directory "
            "in it.",
        ),
    ] = None,
    manifests: Annotated[
        bool,
        typer.Option(
            "--manifests",
            help="Write the stack's Kubernetes objects to a folder instead. Nothing is applied.",
        ),
    ] = False,
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
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="With --manifests: the new folder. Of CloudNativePG and of a cloud: write the "
            "manifests or the commands of a restore to this new file, in place of printing them.",
        ),
    ] = None,
    cwd: Root = _ROOT,
) -> None:
    """Restore a backup of a deployed stack's database, of a volume or of its manifests.

    The database is restored to a new one, and a volume to a new directory in it. What is live is
    not touched without --replace. A job in the cluster does it. After an interruption, run the
    command again: it waits for the same job.

    With another `data.kind` than `embedded` nothing is run: the manifests of CloudNativePG, or the
    commands of the cloud's own command line, are printed with the names of this stack.
    """
    from .database_restore import Wanted
    from .restored_manifests import check_folder, write
    from .restores.kinds import data_section, is_restored_by_a_job, plan_of, refuse_out, written_to
    from .running_platform import database_restore
    from .stack_identity import StackIdentity

    if manifests and (out is None) is not listing:
        raise typer.BadParameter(
            "--manifests needs it, and --manifests --list has none", param_hint="--out"
        )
    if manifests and out:
        check_folder(out)
    identity = StackIdentity.of(cwd, stack)
    wanted = Wanted(
        listing=listing,
        before=before,
        database=database,
        replace=replace,
        volume=volume,
        manifests=manifests,
    )
    data = data_section(identity)
    if volume is None and not manifests and not is_restored_by_a_job(data):
        text = plan_of(identity, data, wanted).text()
        if out is None:
            typer.echo(text, nl=False)
        else:
            written_to(out, text)
        return
    if out is not None and not manifests:
        refuse_out()
    restores = database_restore(identity)
    if not manifests:
        live = volume or restores.live_database()
        if replace and (confirm or typer.prompt(f"Replace {live}? Type its name")) != live:
            what = "volume" if volume else "live database"
            typer.echo(f"The {what} is {live}. Nothing was changed.", err=True)
            raise typer.Exit(1)
    printed = restores.run(wanted, lambda line: typer.echo(line, err=True))
    typer.echo(write(printed, out) if out else printed)


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(restore)
