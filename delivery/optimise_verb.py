"""The subcommand that compares the sizes of a stack's workloads with what they used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from .cluster_verbs import Cluster, Root, Stack, progress_on_stderr

_ROOT = Path(__file__).resolve().parents[1]
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}


def _time(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[1-9][0-9]{0,4}[mhd]", text):
        raise typer.BadParameter("write a number and m, h or d, such as 30m, 24h or 7d")
    return text


def _seconds(text: str) -> float:
    return int(text[:-1]) * _SECONDS[text[-1]]


def _least_data(at_least: str | None, window: str, sample: str | None) -> float:
    """Seconds of data without which a workload is not judged."""
    read, longest = ("--sample", sample) if sample else ("--window", window)
    if at_least is None and sample is not None:
        return _seconds(sample) / 2
    wanted = at_least or "24h"
    if _seconds(wanted) > _seconds(longest):
        raise typer.BadParameter(
            f"--at-least {wanted} is longer than {read} {longest}: no workload has so much data"
        )
    return _seconds(wanted)


def optimise(  # noqa: PLR0917  (options of the command line)
    stack: Stack = "dev",
    cluster: Cluster = None,
    window: Annotated[
        str, typer.Option(metavar="TIME", callback=_time, help="Time until now that counts.")
    ] = "7d",
    at_least: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            callback=_time,
            help="Data without which nothing is proposed for a workload. Default: 24h; with "
            "--sample half of that time.",
        ),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Prometheus to ask. Default: the stack's own (observability.kind: standalone), or "
            "observability.prometheus.",
        ),
    ] = None,
    prometheus_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CA of its certificate, in PEM."),
    ] = None,
    prometheus_token: Annotated[
        str | None,
        typer.Option(envvar="QUDAG_MCP_PROMETHEUS_TOKEN", help="Bearer token for it."),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            callback=_time,
            help="Without a Prometheus: read the API server's metrics every 15 seconds, so long.",
        ),
    ] = None,
    cpu_quantile: Annotated[
        float,
        typer.Option(min=0.5, max=1, help="Share of the time in which a CPU request is enough."),
    ] = 0.95,
    headroom: Annotated[
        float, typer.Option(min=0, max=300, metavar="PERCENT", help="What is added to use.")
    ] = 20,
    core_price: Annotated[
        float | None, typer.Option(min=0, help="Price of a requested core for a month.")
    ] = None,
    gib_price: Annotated[
        float | None, typer.Option(min=0, help="Price of a requested GiB for a month.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Change the stack file.")] = False,
    form: Annotated[
        Literal["text", "json"], typer.Option("--format", help="Form of the result.")
    ] = "text",
    cwd: Root = _ROOT,
) -> None:
    """Propose requests, limits and pods of a stack by what was used, as a diff of its stack file.

    A CPU request becomes the 95th percentile of the busiest pod's use, and a memory request the
    most that a pod used, both with 20 % more. No request becomes less than what was used.
    Limits are raised where they were reached. Nothing changes without --write.
    """
    import json

    from components.base.problems import ProblemReport

    from . import option_values
    from .optimisation.prometheus import NOT_KNOWN, Prometheus
    from .optimisation.proposal import Margins
    from .optimisation.report import Prices, lines, to_json
    from .optimisation.run import OptimiseOptions, optimised
    from .stack_identity import StackIdentity

    if sample is not None and prometheus is not None:
        raise typer.BadParameter("pass --sample or --prometheus, not both")
    if (core_price is None) != (gib_price is None):
        raise typer.BadParameter("pass both --core-price and --gib-price, or neither")
    enough = _least_data(at_least, window, sample)
    named = None
    if prometheus is not None:
        named = Prometheus(
            url=option_values.base_url(
                "--prometheus", prometheus, NOT_KNOWN, "http://127.0.0.1:9090"
            ),
            ca=(
                option_values.certificates("--prometheus-ca", prometheus_ca, NOT_KNOWN)
                if prometheus_ca
                else None
            ),
            token=option_values.bearer_token("--prometheus-token", prometheus_token, NOT_KNOWN),
        )
    elif prometheus_ca is not None:
        raise typer.BadParameter("--prometheus-ca is for --prometheus")
    asked = OptimiseOptions(
        window=_seconds(window),
        at_least=enough,
        prometheus=named,
        sample=_seconds(sample) if sample else 0,
        margins=Margins(cpu_quantile=cpu_quantile, headroom=headroom / 100),
    )
    done = optimised(StackIdentity.of(cwd, stack), cluster, asked, progress_on_stderr())
    prices = Prices(core=core_price, gibibyte=gib_price)
    if form == "json":
        typer.echo(json.dumps(to_json(done.judged, prices), indent=2))
    else:
        for line in lines(done.judged, prices):
            typer.echo(line)
    name = done.file.file.name
    if done.judged.refused:
        typer.echo(f"{name} is unchanged: the stack would be refused with these values", err=True)
        raise ProblemReport(done.judged.refused)
    if write and done.judged.changes:
        done.file.write(done.text)
        typer.echo(f"{name} is changed. Preview it: make preview STACK={stack}", err=True)
    elif done.judged.changes:
        typer.echo(f"{name} is unchanged: --write changes it", err=True)


def register(app: typer.Typer) -> None:
    """Add this subcommand to ``app``."""
    app.command()(optimise)
