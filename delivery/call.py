"""The verbs that use a platform that is up: outputs, a token, its tools, a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from mcp_types import CallToolResult, TextContent, Tool

from components.base.problems import Problem, ProblemReport, nearest

from . import local_secrets
from .checks import Check
from .client import Endpoint, Era, call_tool, eras, list_tools, mint
from .cluster import Cluster, running
from .identity import StackIdentity
from .outputs import Deployed, reachable
from .progress import Progress
from .state_folders import state_folder
from .verify import verified


def outputs(stack: StackIdentity) -> str:
    """All public outputs of the stack as JSON."""
    return json.dumps(
        Deployed.read(state_folder(stack.key), stack).public(), indent=2, sort_keys=True
    )


def token(stack: StackIdentity, subject: str) -> str:
    """A bearer token of the local development issuer.

    Raises:
        ProblemReport: the stack is not up, or its issuer is not ours.
    """
    deployed = Deployed.read(state_folder(stack.key), stack)
    return _token(deployed, _cluster(deployed, stack), subject)


def _token(deployed: Deployed, cluster: Cluster, subject: str = "developer") -> str:
    outputs = deployed.outputs
    private = local_secrets.signer_key(cluster.kubectl, outputs["namespace"])
    if private is None:
        raise ProblemReport(
            [
                Problem(
                    f"Secret/{outputs['namespace']}/{local_secrets.SIGNER}",
                    f"{cluster.name} has no issuer of ours: tokens come from {outputs['issuer']}",
                    "no token can be made here",
                    f"get one from {outputs['issuer']} for the audience {outputs['audience']}",
                )
            ]
        )
    return mint(private, issuer=outputs["issuer"], audience=outputs["audience"], subject=subject)


def _cluster(deployed: Deployed, stack: StackIdentity) -> Cluster:
    cluster = running(deployed.request)
    if cluster is None:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    "it was up, but its cluster no longer runs",
                    "there is nothing to talk to",
                    stack.command("up"),
                )
            ]
        )
    return cluster


@contextmanager
def _endpoint(
    stack: StackIdentity, bearer: str | None, seconds: float
) -> Generator[tuple[Endpoint, str]]:
    """Where to call, and the era that is served there."""
    deployed = Deployed.read(state_folder(stack.key), stack)
    cluster = _cluster(deployed, stack)
    secret = bearer or _token(deployed, cluster)
    with reachable(deployed.outputs["mcp_url"], deployed, cluster.kubectl) as url:
        endpoint = Endpoint(url=url, token=secret, ca_file=deployed.ca_file, seconds=seconds)
        yield endpoint, deployed.outputs["era"]


def _era(wanted: Era | None, served: str) -> Era:
    """The era to speak: the one that was asked for, else the newest that is served."""
    offered = eras(served)
    if wanted is None or wanted in offered:
        return wanted or offered[0]
    raise ProblemReport(
        [
            Problem(
                f"--era {wanted.value}",
                f"the platform serves {served} only",
                "the call would be refused",
                f"leave it out, or --era {offered[0].value}",
            )
        ]
    )


def verify(stack: StackIdentity, wanted: Era | None, bearer: str | None) -> list[Check]:
    """All checks of the platform."""
    deployed = Deployed.read(state_folder(stack.key), stack)
    if "mcp_url" not in deployed.outputs:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    "its program exports no mcp_url",
                    "there is no address to ask",
                    'pulumi.export("mcp_url", …), as the examples do',
                )
            ]
        )
    era = wanted and _era(wanted, deployed.outputs["era"])
    return verified(deployed, _cluster(deployed, stack).kubectl, era, bearer)


def tools(stack: StackIdentity, wanted: Era | None, bearer: str | None) -> list[Tool]:
    """The tools that the platform offers."""
    with _endpoint(stack, bearer, 30) as (endpoint, served):
        return asyncio.run(list_tools(endpoint, _era(wanted, served)))


def call(  # noqa: PLR0917  (the verb's own arguments)
    stack: StackIdentity,
    name: str,
    pairs: Sequence[str],
    wanted: Era | None,
    bearer: str | None,
    seconds: float,
    progress: Progress,
) -> CallToolResult:
    """Calls one tool, its progress shown as it comes."""
    with progress.step(f"{name}") as step, _endpoint(stack, bearer, seconds) as (where, served):
        era = _era(wanted, served)
        offered = asyncio.run(list_tools(where, era))
        tool = next((tool for tool in offered if tool.name == name), None)
        if tool is None:
            names = [tool.name for tool in offered]
            close = nearest(name, names)
            raise ProblemReport(
                [
                    Problem(
                        f"tool {name}",
                        f"there is no such tool; there are {', '.join(names)}",
                        "nothing was called",
                        f"did you mean {close}?" if close else "qudag-mcp tools lists them",
                    )
                ]
            )

        def report(done: float, total: float | None, message: str | None) -> None:
            share = f"{done:g} of {total:g}" if total else f"{done:g}"
            progress.say(message or share)

        result = asyncio.run(call_tool(where, era, name, arguments(pairs, tool), report))
        step.result = f"MCP {era.value}"
        return result


def arguments(pairs: Sequence[str], tool: Tool) -> dict[str, Any]:
    """``key=value`` words as the tool's arguments: text where its schema says text, else JSON."""
    schema: dict[str, Any] = tool.input_schema.get("properties", {})
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ProblemReport(
            Problem(
                f"argument {pair!r}",
                "it is not of the form key=value",
                "nothing was called",
                f"{tool.name} takes {', '.join(schema) or 'no arguments'}",
            )
            for pair in wrong
        )
    taken: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        taken[key] = text if schema.get(key, {}).get("type") == "string" else _value(text)
    return taken


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def answer(result: CallToolResult) -> str:
    """What a tool answered, as text."""
    return "\n".join(
        block.text if isinstance(block, TextContent) else block.model_dump_json(exclude_none=True)
        for block in result.content
    )
