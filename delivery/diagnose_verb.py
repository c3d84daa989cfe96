"""The subcommand that says what is wrong with a deployed stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cluster_verbs import Cluster, Root, Stack, progress_on_stderr

_ROOT = Path(__file__).resolve().parents[1]


def diagnose(  # noqa: PLR0917  (options of the command line)
    stack: Stack = "dev",
    cluster: Cluster = None,
    compare: Annotated[
        bool,
        typer.Option(help="Compare the cluster's objects with those of the stack's program."),
    ] = True,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what was read to a .tar.gz for support: objects, events and logs; no "
            "Secret is in it.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the causes as JSON.")] = False,
    cwd: Root = _ROOT,
) -> None:
    """Say what is wrong with a deployed stack, the likeliest cause first; exit status 1 if it is.

    Reads nodes, pods, events, logs, Services, quotas, volumes and autoscalers, the names of keys in
    Secrets and the dates of certificates, and asks the API server what an apply would change.
    Nothing is changed, and no value of a Secret is read. It needs no platform that answers.
    """
    from .diagnosis.bundle import write
    from .diagnosis.run import diagnosed, shown, to_json
    from .option_values import refuse_unwritable
    from .stack_identity import StackIdentity

    if bundle is not None:
        refuse_unwritable("--bundle", [bundle], "there is no bundle")

    evidence, found = diagnosed(
        *(StackIdentity.of(cwd, stack), cluster, progress_on_stderr()),
        comparing=compare,
        all_logs=bundle is not None,
    )
    if bundle is not None:
        count = write(bundle, evidence, found)
        typer.echo(f"{count} files in {bundle}", err=True)
    if as_json:
        import json

        typer.echo(json.dumps([to_json(cause) for cause in found], indent=2))
    else:
        for line in shown(evidence, found):
            typer.echo(line)
    if any(not cause.is_warning for cause in found):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(diagnose)
