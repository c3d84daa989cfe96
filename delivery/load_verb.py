"""The subcommand that measures a deployed stack under load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cluster_verbs import Bearer, EraName, Root, confirm, parsed_era, progress_on_stderr

_ROOT = Path(__file__).resolve().parents[1]


def load(  # noqa: PLR0917  (options of the command line)
    stack: Annotated[str, typer.Option(help="Name of the stack; it has no default here.")],
    tool: Annotated[
        str,
        typer.Argument(
            metavar="[SERVER/]TOOL",
            help="Tool to call: weather/forecast, or echo. SERVER/ alone: its list of tools.",
        ),
    ] = "",
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Its arguments.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.1, max=500, help="Requests a second, by all clients together.")
    ] = 5,
    clients: Annotated[int, typer.Option(min=1, max=100, help="Clients at the same time.")] = 4,
    seconds: Annotated[float, typer.Option(min=1, max=540, help="How long.")] = 30,
    availability: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="Objective: requests answered. Default: availabilityPercent of the stack's "
            "observability.alerts.objectives.",
        ),
    ] = None,
    latency: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=600,
            metavar="SECONDS",
            help="Objective: time of most answers. Default: latencySeconds of the same section, "
            "whose latencyPercent says how many.",
        ),
    ] = None,
    era: EraName = None,
    token: Bearer = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    cwd: Root = _ROOT,
) -> None:
    """Send requests to a deployed stack at a steady rate; exit status 1 if an objective is missed.

    Without a tool the list of tools is asked for. The tool is called for real, again and again:
    choose one that may be. Each client is a user of its own when tokens come from the local
    issuer, else all use --token. Stacks other than dev ask for confirmation. The objectives are
    those of the stack file; the result says where each is from.
    """
    from components.base.problems import ProblemReport

    from . import load_report as report
    from .load_objectives import objectives_of
    from .load_run import LoadAmount, LoadResult
    from .running_platform import apply_load, refuse_undeployed
    from .stack_identity import StackIdentity

    subject = StackIdentity.of(cwd, stack)
    refuse_undeployed(subject)
    objectives = objectives_of(subject, availability, latency)
    if stack != "dev" and not yes:
        confirm(f"Send {rate:g} requests a second for {seconds:g} s to stack {stack}?")
    amount, measured = LoadAmount(rate=rate, clients=clients, seconds=seconds), LoadResult()
    done = apply_load(
        *(subject, tool, arguments or [], amount, parsed_era(era), token, measured),
        progress_on_stderr(),
    )
    if as_json:
        import json

        typer.echo(json.dumps(report.to_json(measured, done, objectives), indent=2))
    else:
        for line in report.lines(measured, done, objectives):
            typer.echo(line)
    if found := list(report.problems(measured, done, objectives)):
        raise ProblemReport(found)


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(load)
