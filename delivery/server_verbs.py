"""The subcommand that changes the servers of a stack file: add-server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cluster_verbs import Root, Stack, progress_on_stderr

_ROOT = Path(__file__).resolve().parents[1]


def add_server(  # noqa: PLR0917  (options of the command line)
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Image, for example ghcr.io/acme/weather-mcp:2.")
    ],
    stack: Stack = "dev",
    name: Annotated[
        str | None, typer.Option(help="Name of the server; default: from the image's name.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="MCP URL of a running instance: http://localhost:8000/mcp."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="QUDAG_MCP_INSTANCE_TOKEN", help="Bearer token for that instance."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND", help="Command of a stdio server, which is run on this machine."
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
        bool, typer.Option("--replace", help="Update the entry if the name exists already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change, and write nothing.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds to wait for each source.")
    ] = 30,
    cwd: Root = _ROOT,
) -> None:
    """Add an MCP server to the stack file, with what its image and a running instance report.

    The image's configuration comes from its registry, without Docker, and its digest is pinned. An
    instance at --url, or the program --command, is asked for transport, path, MCP era and tools.
    Unknown values are listed in comments of the entry. The stack is checked as in preview before
    its file changes.
    """
    if url and command:
        raise typer.BadParameter("pass --url or --command, not both")

    from .add_server import Sources, added
    from .added_server.stack_file import StackFile
    from .option_values import bearer_token

    token = bearer_token("--token", token, "no server was added")
    sources = Sources(archive=from_archive, url=url, token=token, command=command, seconds=timeout)
    progress = progress_on_stderr()
    done = added(StackFile.read(cwd, stack), image, name, sources, progress, replacing=replace)
    for line in done.shown:
        typer.echo(line)
    if dry_run:
        typer.echo(f"\n{done.file.file.name} is unchanged: --dry-run")
        return
    done.write()
    typer.echo(f"\nThe server {done.name} is in {done.file.file.name}. Preview its resources:")
    typer.echo(f"  make preview STACK={stack}")


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(add_server)
