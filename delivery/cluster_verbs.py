"""The subcommands that need a cluster: up, down, verify, outputs, token, tools, call, audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from .mcp_client import Era
    from .progress import Progress

_ROOT = Path(__file__).resolve().parents[1]

Stack = Annotated[str, typer.Option(help="Name of the stack: NAME of Pulumi.NAME.yaml.")]
Root = Annotated[
    Path,
    typer.Option("--cwd", "-C", help="Folder of the Pulumi program.", show_default=False),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        envvar="CLUSTER",
        metavar="context:NAME|kind|node",
        help="Cluster. Default: the stack's kubernetes.context, else kind or the local node.",
    ),
]
Server = Annotated[
    str | None,
    typer.Argument(
        metavar="[SERVER]", help="A server of the section `servers`; default: the platform."
    ),
]
EraName = Annotated[
    Literal["modern", "legacy"] | None,
    typer.Option("--era", help="MCP era; default: the newest that is served."),
]


def _bearer(token: str | None) -> str | None:
    if not token:
        return None
    from .option_values import bearer_token

    return bearer_token("--token", token, "no tool can be called")


Bearer = Annotated[
    str | None,
    typer.Option(
        "--token",
        callback=_bearer,
        envvar="QUDAG_MCP_TOKEN",
        help="Bearer token; default: one from the local issuer.",
    ),
]


def confirm(question: str) -> None:
    """Go on if a person says yes, and end the command if not.

    Raises:
        ProblemReport: nobody can answer, as in a pipeline.
    """
    import sys

    from components.base.problems import Problem, ProblemReport

    try:
        said = typer.confirm(question)
    except typer.Abort:  # the end of the input, or Ctrl-C
        if sys.stdin.isatty():
            raise
        raise ProblemReport(
            [
                Problem(
                    "--yes",
                    "is not given, and nobody answers the question",
                    "nothing was done",
                    "pass --yes where no terminal is",
                )
            ]
        ) from None
    if not said:
        raise typer.Abort


def up(
    stack: Stack = "dev",
    cluster: Cluster = None,
    create_secrets: Annotated[
        bool,
        typer.Option(help="Create absent secrets with random values, even in a cluster of yours."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outputs as JSON.")] = False,
    cwd: Root = _ROOT,
) -> None:
    """Set everything up, deploy the stack, check it, and print its addresses.

    Deploys with Pulumi if it is available, else with server-side apply. Progress goes to stderr,
    the result to stdout. Running it again changes only what differs, also after an interruption.
    """
    from rich.console import Console

    from .preflight import request
    from .stack_identity import StackIdentity
    from .up import up as bring_up
    from .up_summary import announcement

    subject = StackIdentity.of(cwd, stack)
    wanted = request(cwd, stack, cluster)
    done = bring_up(subject, wanted, progress_on_stderr(), create_secrets=create_secrets)
    if as_json:
        typer.echo(_json(done.deployed.public()))
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 200  # do not wrap addresses in a file
        console.print(announcement(done, subject))


def down(
    stack: Stack = "dev",
    cluster: Cluster = None,
    keep_cluster: Annotated[
        bool, typer.Option(help="Delete only the stack; keep the kind cluster or the local node.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    cwd: Root = _ROOT,
) -> None:
    """Delete the stack, and the kind cluster or local node that `up` started.

    In a cluster of yours only the stack's objects and volumes are deleted. Stacks other than dev
    ask for confirmation.
    """
    from .down import down as take_down
    from .preflight import request
    from .stack_identity import StackIdentity

    subject = StackIdentity.of(cwd, stack)
    wanted = request(cwd, stack, cluster)
    if stack != "dev" and not yes:
        confirm(f"Delete stack {stack} and the data on its volumes?")
    typer.echo(take_down(subject, wanted, progress_on_stderr(), keep_cluster=keep_cluster))


def outputs(stack: Stack = "dev", cwd: Root = _ROOT) -> None:
    """Print the outputs of a deployed stack as JSON."""
    from .running_platform import outputs as public
    from .stack_identity import StackIdentity

    typer.echo(public(StackIdentity.of(cwd, stack)))


def token(
    server: Server = None,
    stack: Stack = "dev",
    subject: Annotated[str, typer.Option(help="Subject (`sub`) of the token.")] = "developer",
    cwd: Root = _ROOT,
) -> None:
    """Print a bearer token from the local development issuer; it is valid for ten minutes.

    A token is for one audience: the platform, or one of its servers.
    """
    from .running_platform import token as mint
    from .stack_identity import StackIdentity

    typer.echo(mint(StackIdentity.of(cwd, stack), subject, server))


def tools(
    server: Server = None,
    stack: Stack = "dev",
    era: EraName = None,
    token: Bearer = None,
    cwd: Root = _ROOT,
) -> None:
    """List the tools of a deployed stack, or of one of its servers."""
    from .running_platform import tools as offered
    from .stack_identity import StackIdentity

    for tool in offered(StackIdentity.of(cwd, stack), server, parsed_era(era), token):
        first_line, _, _ = (tool.description or "").strip().partition("\n")
        typer.echo(f"{tool.name:20} {first_line}")


def call(  # noqa: PLR0917  (options of the command line)
    tool: Annotated[
        str,
        typer.Argument(
            metavar="[SERVER/]TOOL", help="Name of the tool: weather/forecast, or echo."
        ),
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Its arguments.")
    ] = None,
    stack: Stack = "dev",
    era: EraName = None,
    token: Bearer = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 120,
    cwd: Root = _ROOT,
) -> None:
    """Call a tool of a deployed stack; exit status 1 if the tool returns an error.

    A value is text if the tool's schema says so, else JSON: count to=5.
    """
    from .mcp_client import text_of
    from .running_platform import call as call_tool
    from .stack_identity import StackIdentity

    subject = StackIdentity.of(cwd, stack)
    result = call_tool(
        subject, tool, arguments or [], parsed_era(era), token, timeout, progress_on_stderr()
    )
    typer.echo(text_of(result), err=result.is_error)
    if result.is_error:
        raise typer.Exit(1)


def verify(  # noqa: PLR0917  (options of the command line)
    server: Server = None,
    stack: Stack = "dev",
    era: EraName = None,
    token: Bearer = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    cwd: Root = _ROOT,
) -> None:
    """Check a deployed stack as its clients use it; exit status 1 if a check fails.

    Checks TLS, the redirect, 401 and metadata, MCP in each era with the official client, a row of
    data written and read back, the state of the servers' dependencies, and 401, metadata and MCP of
    each of your servers. With SERVER only those of that one.
    """
    from components.base.problems import ProblemReport

    from . import checks_table as report
    from .running_platform import verify as run_checks
    from .stack_identity import StackIdentity

    found = run_checks(StackIdentity.of(cwd, stack), server, parsed_era(era), token)
    if as_json:
        typer.echo(_json([check.to_json() for check in found]))
    else:
        report.show(found)
    if problems := [problem for check in found for problem in check.problems]:
        raise ProblemReport(problems)


def audit(
    action: Annotated[Literal["verify"], typer.Argument(help="Find damaged rows.")],  # noqa: ARG001
    stack: Stack = "dev",
    file: Annotated[
        list[Path],
        typer.Option("--file", help="Check an exported file instead; several: oldest first."),
    ] = [],  # noqa: B006  (Typer copies it)
    head: Annotated[
        list[str],
        typer.Option(
            "--head", metavar="SEQ:HASH", help="A row that must be there, of a collected log."
        ),
    ] = [],  # noqa: B006
    cwd: Root = _ROOT,
) -> None:
    """Check the audit log of a deployed stack; exit status 1 names the first damaged row.

    The check runs as a Job in the cluster. It also looks for the rows that running servers have
    named in their logs.
    """
    from . import audit_log
    from .stack_identity import StackIdentity

    if file:
        typer.echo(audit_log.verify_files(file, head))
    else:
        typer.echo(audit_log.verify(StackIdentity.of(cwd, stack), head))


def register(app: typer.Typer) -> None:
    """Add these subcommands to ``app``."""
    for verb in (up, down, verify, outputs, token, tools, call, audit):
        app.command()(verb)


def parsed_era(name: str | None) -> Era | None:
    """The era of ``--era``; None if it was left out."""
    from .mcp_client import Era

    return Era(name) if name else None


def progress_on_stderr() -> Progress:
    """The progress of a command. SIGTERM ends it as Ctrl-C does."""
    import signal

    from rich.console import Console

    from .progress import Progress

    # SIGTERM is handled like Ctrl-C, so that the programs that this command started end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return Progress(Console(stderr=True, highlight=False))


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=2, sort_keys=True)
