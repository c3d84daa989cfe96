"""The subcommand that changes the servers of a stack file: add-server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cluster_verbs import Root, Stack, progress_on_stderr

_ROOT = Path(__file__).resolve().parents[1]


def add_server(  # noqa: PLR0917  (options of the command line)
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Name of the image: ghcr.io/acme/weather-mcp:2.")
    ],
    stack: Stack = "dev",
    name: Annotated[
        str | None, typer.Option(help="Name of the server; default: from the image's name.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="A running instance to ask, such as http://localhost:8000/mcp."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="QUDAG_MCP_INSTANCE_TOKEN", help="Bearer token for that instance."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="A stdio program of the image, which is run here and asked."
        ),
    ] = None,
    from_archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            help="Read the image from an OCI layout or a tar of `docker save`, not its registry.",
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the server of this name.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change, and write nothing.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds to wait for each source.")
    ] = 30,
    cwd: Root = _ROOT,
) -> None:
    """Add a server to the stack file, after asking its image and a running instance what it is.

    The image's configuration comes from its registry, without Docker, and its digest is pinned. An
    instance at --url, or the program --command, is asked for transport, path, MCP era and tools.
    What could not be found out is in comments of the entry. The stack is checked as preview checks
    it before its file changes.
    """
    if url and command:
        raise typer.BadParameter("a server is asked at --url or by --command, not both")

    from .add_server import Sources, added
    from .added_server.stack_file import StackFile

    sources = Sources(archive=from_archive, url=url, token=token, command=command, seconds=timeout)
    progress = progress_on_stderr()
    done = added(StackFile.read(cwd, stack), image, name, sources, progress, replacing=replace)
    for line in done.shown:
        typer.echo(line)
    if dry_run:
        typer.echo(f"\n{done.file.file.name} is as it was: --dry-run")
        return
    done.write()
    typer.echo(f"\n{done.file.file.name} has the server {done.name}. Look at what comes with it:")
    typer.echo(f"  make preview STACK={stack}")


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(add_server)
