"""The commands that use a deployed platform: outputs, token, verify, tools and call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from mcp_types import CallToolResult, Tool

from components.base.problems import Problem, ProblemReport, nearest
from graph.stack_files import read_stack_files

from . import local_secrets
from .called_server import (
    CalledServer,
    called_server,
    refuse_a_server_with_its_own_issuer,
    server_and_tool,
)
from .checks import Check
from .cluster import Cluster, running
from .database_restore import DatabaseRestore
from .load_run import ANSWER_SECONDS, Load, LoadAmount, LoadResult
from .load_run import run as run_load
from .mcp_client import Endpoint, Era, call_tool, eras, list_tools, mint
from .outputs import Deployed, reachable
from .progress import Progress
from .stack_identity import StackIdentity
from .state_folders import state_folder
from .tool_arguments import arguments
from .verify import check_server, run_checks


def outputs(stack: StackIdentity) -> str:
    """The public outputs of the stack as JSON."""
    return json.dumps(
        Deployed.read(state_folder(stack.key), stack).public(), indent=2, sort_keys=True
    )


def refuse_undeployed(stack: StackIdentity) -> None:
    """Raise a ``ProblemReport`` if there is no such stack, or it is not deployed."""
    if Deployed.find(folder := state_folder(stack.key)) is None:
        read_stack_files(stack.root, stack.name)
        Deployed.read(folder, stack)


def token(stack: StackIdentity, subject: str, server: str | None = None) -> str:
    """A bearer token from the local development issuer, for the platform or one of its servers.

    Raises:
        ProblemReport: the stack is not deployed, it uses another issuer, or has no such server.
    """
    deployed = Deployed.read(state_folder(stack.key), stack)
    called = called_server(deployed.outputs, server)
    return _token(deployed, _cluster(deployed, stack), called, called.mcp_url, subject)


def _token(
    deployed: Deployed,
    cluster: Cluster,
    called: CalledServer,
    audience: str,
    subject: str = "developer",
) -> str:
    """A token with all scopes of ``called``, for ``audience``, the URL by which it is called."""
    outputs = deployed.outputs
    refuse_a_server_with_its_own_issuer(called)
    private = local_secrets.signer_key(cluster.kubectl, outputs["namespace"])
    if private is None:
        raise ProblemReport(
            [
                Problem(
                    f"Secret/{outputs['namespace']}/{local_secrets.SIGNER}",
                    f"{cluster.name} has no local issuer: tokens come from {outputs['issuer']}",
                    "no token can be created here",
                    f"get one from {outputs['issuer']} for the audience {audience}",
                )
            ]
        )
    return mint(
        private,
        issuer=outputs["issuer"],
        audience=audience,
        subject=subject,
        scope=" ".join(called.scopes),
    )


def database_restore(stack: StackIdentity) -> DatabaseRestore:
    """Restores of the deployed platform's database; raises a ``ProblemReport`` without one."""
    deployed = Deployed.read(state_folder(stack.key), stack)
    return DatabaseRestore(_cluster(deployed, stack).kubectl, deployed.outputs["namespace"])


def _cluster(deployed: Deployed, stack: StackIdentity) -> Cluster:
    cluster = running(deployed.request)
    if cluster is None:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    "the stack was deployed, but its cluster no longer runs",
                    "the platform cannot be called",
                    stack.command("up"),
                )
            ]
        )
    return cluster


@contextmanager
def _endpoint(
    stack: StackIdentity, server: str | None, bearer: str | None, seconds: float
) -> Generator[tuple[Endpoint, str]]:
    """The endpoint of the platform or of one of its servers, and the era that it serves."""
    with _endpoints(stack, server, bearer, seconds, ["developer"]) as ([endpoint], era):
        yield endpoint, era


@contextmanager
def _endpoints(
    stack: StackIdentity,
    server: str | None,
    bearer: str | None,
    seconds: float,
    subjects: Sequence[str],
) -> Generator[tuple[list[Endpoint], str]]:
    """The same endpoint with a token of each subject, or with the one token that is given."""
    deployed = Deployed.read(state_folder(stack.key), stack)
    called = called_server(deployed.outputs, server)
    cluster = _cluster(deployed, stack)
    with reachable(called.mcp_url, deployed, cluster.kubectl) as url:
        yield (
            [
                Endpoint(
                    url=url,
                    token=bearer or _token(deployed, cluster, called, url, subject),
                    ca_file=deployed.ca_file,
                    seconds=seconds,
                    given=bool(bearer),
                )
                for subject in subjects
            ],
            called.era,
        )


def _era(wanted: Era | None, served: str) -> Era:
    """The era to use: the requested one, else the newest that the platform serves."""
    offered = eras(served)
    if wanted is None or wanted in offered:
        return wanted or offered[0]
    raise ProblemReport(
        [
            Problem(
                f"--era {wanted.value}",
                f"{served} is all that is served there",
                "the call would be refused",
                f"leave it out, or --era {offered[0].value}",
            )
        ]
    )


def verify(
    stack: StackIdentity, server: str | None, wanted: Era | None, bearer: str | None
) -> list[Check]:
    """Run all checks of the deployed platform, or those of one of its servers."""
    deployed = Deployed.read(state_folder(stack.key), stack)
    if "mcp_url" not in deployed.outputs:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    "its program exports no `mcp_url`",
                    "the platform's address is unknown",
                    'pulumi.export("mcp_url", …), as the examples do',
                )
            ]
        )
    called = called_server(deployed.outputs, server)
    era = wanted and _era(wanted, called.era)
    kubectl = _cluster(deployed, stack).kubectl
    if server is not None:
        return check_server(deployed, kubectl, called, era, bearer)
    return run_checks(deployed, kubectl, era, bearer)


def tools(
    stack: StackIdentity, server: str | None, wanted: Era | None, bearer: str | None
) -> list[Tool]:
    """List the tools of the deployed platform, or of one of its servers."""
    with _endpoint(stack, server, bearer, 30) as (endpoint, served):
        return asyncio.run(list_tools(endpoint, _era(wanted, served)))


def call(  # noqa: PLR0917  (the command's arguments)
    stack: StackIdentity,
    name: str,
    pairs: Sequence[str],
    wanted: Era | None,
    bearer: str | None,
    seconds: float,
    progress: Progress,
) -> CallToolResult:
    """Call a tool, ``TOOL`` or ``SERVER/TOOL``, and show its progress notifications."""
    server, name = server_and_tool(name)
    with (
        progress.step(name if server is None else f"{server}/{name}") as step,
        _endpoint(stack, server, bearer, seconds) as (where, served),
    ):
        era = _era(wanted, served)
        tool = _offered_tool(where, era, server, name)

        def report(done: float, total: float | None, message: str | None) -> None:
            share = f"{done:g} of {total:g}" if total else f"{done:g}"
            progress.say(message or share)

        result = asyncio.run(call_tool(where, era, name, arguments(pairs, tool), report))
        step.result = f"MCP {era.value}"
        return result


def _offered_tool(where: Endpoint, era: Era, server: str | None, name: str) -> Tool:
    """The tool of that name; raises a ``ProblemReport`` with the nearest name if there is none."""
    offered = asyncio.run(list_tools(where, era))
    found = next((tool for tool in offered if tool.name == name), None)
    if found is not None:
        return found
    names = [tool.name for tool in offered]
    close = nearest(name, names)
    listing = " ".join(["qudag-mcp tools", *([server] if server else [])])
    raise ProblemReport(
        [
            Problem(
                f"tool {name}",
                f"there is no such tool; {server or 'the platform'} has {', '.join(names)}",
                "no tool was called",
                f"did you mean {close}?" if close else f"{listing} lists them",
            )
        ]
    )


def apply_load(  # noqa: PLR0917  (the command's arguments)
    stack: StackIdentity,
    name: str,
    pairs: Sequence[str],
    amount: LoadAmount,
    wanted: Era | None,
    bearer: str | None,
    measured: LoadResult,
    progress: Progress,
) -> Load:
    """Send requests to the deployed platform; ``measured`` is filled as answers come.

    Args:
        name: ``TOOL``, ``SERVER/TOOL``, ``SERVER/`` or nothing; without a tool the list of tools is
            asked for.
    """
    server, name = server_and_tool(name)
    users = [f"load-{number}" for number in range(1, amount.clients + 1)]
    with (
        progress.step(f"{amount.rate:g} requests a second for {amount.seconds:g} s") as step,
        _endpoints(stack, server, bearer, ANSWER_SECONDS, users) as (endpoints, served),
    ):
        era = _era(wanted, served)
        given: dict[str, Any] = {}
        if name:
            given = arguments(pairs, _offered_tool(endpoints[0], era, server, name))
        load = Load(tool=name or None, arguments=given, amount=amount)
        asyncio.run(run_load(load, endpoints, era, measured))
        step.result = f"MCP {era.value}"
        return load
