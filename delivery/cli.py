"""The command ``qudag-mcp``: its subcommands, and their error messages and exit statuses.

A subcommand imports its modules when it runs, so that ``--help`` is fast.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from components.base.problems import ProblemReport

from . import backup_verbs, diagnose_verb, load_verb, optimise_verb, runbook_verb, server_verbs
from . import cluster_verbs as live
from .source_checkout import DEFAULT_PROGRAM, ROOT, command_version, refuse_without_checkout


class _Verbs(TyperGroup):
    """Prints errors that a user can cause as a message; a bug keeps its traceback."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        found = super().resolve_command(ctx, args)
        refuse_without_checkout(found[0] or "")
        return found

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ProblemReport as report:
            typer.echo(str(report), err=True)
            raise typer.Exit(1) from report
        except TimeoutError as late:
            typer.echo(f"{late}: it was stopped. Run the same command again to go on.", err=True)
            raise typer.Exit(1) from late
        except OSError as error:
            if error.strerror is None or isinstance(error, BrokenPipeError):
                raise
            place = f"{error.filename}: " if error.filename else ""
            typer.echo(f"{place}{error.strerror}", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("\nInterrupted. Run the same command again to go on.", err=True)
            raise typer.Exit(130) from interrupt


app = typer.Typer(
    cls=_Verbs,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Deploys platforms of MCP servers, and shows what a change would do before it is done.",
    epilog="Exit status: 0 done, 1 refused or failed with a message, 2 wrong usage.",
)


class Format(StrEnum):
    TREE = "tree"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


Stack = Annotated[str, typer.Option(help="Name of the stack: NAME of Pulumi.NAME.yaml.")]
Root = Annotated[
    Path,
    typer.Option("--cwd", "-C", help="Folder of the Pulumi program.", show_default=False),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qudag-mcp {command_version()}")
        raise typer.Exit


@app.callback()
def qudag_mcp(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    del version  # the callback has printed it


@app.command()
def preview(  # noqa: PLR0917  (options of the command line)
    stack: Stack = "dev",
    base: Annotated[
        str | None, typer.Option(help="Commit, tag or branch to compare with.", metavar="GITREF")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Form of the report; default: tree, or what the suffix of --out says.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write the report to: .html, .md, .json or .txt; may be repeated.",
            metavar="FILE",
        ),
    ] = None,
    rules_page: Annotated[
        str,
        typer.Option(
            envvar="QUDAG_MCP_RULES_PAGE",
            metavar="URL",
            help="Address of docs/policies.md, for links from the ids of rules.",
        ),
    ] = "",
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse every broken rule that is not waived, not critical ones only. "
            "The program of this repository always is.",
        ),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="How long the program may run; it is ended after that. "
            "The program of this repository has no limit.",
        ),
    ] = 300,
    cwd: Root = DEFAULT_PROGRAM,
) -> None:
    """Show what a stack is, or with --base what has changed since a commit.

    Needs no cloud, no cluster and no Pulumi engine. With --base every resource that would be
    added, changed, replaced, moved or deleted is listed property by property, risks first.
    Rules that the stack breaks are listed as risks; critical ones refuse it (exit status 1).
    """
    from policies.checked_program import judged_stack, refuse
    from review.preview import compare

    from .reports import forms_of, show, write, write_refusal

    forms_of(out or [], form)
    try:
        subject = (
            compare(cwd, stack, base, strict=strict, seconds=timeout)
            if base
            else judged_stack(cwd, stack, strict=strict, seconds=timeout)
        )
    except ProblemReport as problems:
        write_refusal(problems, cwd, stack, out or [], form)
        raise
    if out:
        write(subject, out, form, rules_page)
    else:
        show(subject, form or "tree", rules_page)
    refuse(subject.findings)


@app.command()
def comment(
    report: Annotated[
        Path, typer.Argument(metavar="FILE", help="Report that preview --base --out FILE.md wrote.")
    ],
) -> None:
    """Post a preview to the pull request of this job, or update the comment posted before.

    Runs in a GitHub workflow or a GitLab pipeline, and finds the pull request in its environment.
    The token is read from GITHUB_TOKEN or GITLAB_TOKEN. Where it may not write comments, as for a
    pull request from a fork, the command says so and ends with 0.
    """
    from .pull_request_comment import post

    posted = post(report)
    typer.echo(f"{posted.done} {posted.address}".rstrip())


@app.command()
def render(
    out: Annotated[Path, typer.Option(help="Folder to write to; created when absent.")],
    stack: Stack = "dev",
    cwd: Root = DEFAULT_PROGRAM,
) -> None:
    """Write a stack as files: DIR/graph.json and DIR/manifests/*.yaml.

    Manifests are numbered in the order in which they apply. Stale files of an earlier render are
    removed; a folder with other files in it is refused.
    """
    from policies.checked_program import checked_stack

    from .render import render as write

    done = write(checked_stack(cwd, stack).graph, out)
    typer.echo(f"{done.manifests} manifests and graph.json in {done.folder}")
    for name in done.removed:
        typer.echo(f"removed {name}, which is no longer part of the stack")


@app.command()
def schema() -> None:
    """Print the JSON Schema of Pulumi.<stack>.yaml, as schema/stack.json holds it for editors."""
    from stacks.config.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def package(
    host: Annotated[
        list[str] | None, typer.Option(help="One host only; may be repeated.", metavar="NAME")
    ] = None,
    code: Annotated[
        Path | None,
        typer.Option(help="Folder with a server of yours; default: the reference server."),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(help="Module and name of the server in that folder; default: server:mcp."),
    ] = None,
) -> None:
    """Build the code archives of cloud functions; `up` builds those that it needs.

    The same sources give the same bytes on every machine. An existing archive is not built again.
    """
    from review.report import terminal

    from .package_archives import own_code
    from .package_archives import package as make
    from .progress import Progress

    make(host or [], Progress(terminal.console()), own_code(code, entry))


@app.command()
def bench() -> None:
    """Measure the cost of components, the server behind nginx, and the cold start of functions."""
    import sys

    from .process import on_terminal

    # A program of its own: `tools/` uses this package, and nothing here imports from `tools/`.
    raise typer.Exit(on_terminal([sys.executable, "-m", "tools.bench"], cwd=ROOT))


server_verbs.register(app)
live.register(app)
load_verb.register(app)
diagnose_verb.register(app)
runbook_verb.register(app)
optimise_verb.register(app)
backup_verbs.register(app)

if __name__ == "__main__":
    app()
