"""Checks MCP with the official client: discovery or initialize, ``tools/list`` and a tool call."""

from __future__ import annotations

import secrets
import time

from mcp import Client
from mcp_types import TextContent, Tool

from components.base.problems import ProblemReport

from ..mcp_client import Endpoint, Era, connected
from . import Check, CheckStatus, check_of_exception, not_checked, wrong

HARMLESS = "echo"
_OPENING = {Era.MODERN: "discovery", Era.LEGACY: "initialize"}


def steps(era: Era) -> tuple[str, str, str]:
    """The names of the checks of an era."""
    opening, listing, calling = _OPENING[era], "tools/list", "tools/call"
    return f"{era.value}: {opening}", f"{era.value}: {listing}", f"{era.value}: {calling}"


async def check_era(
    endpoint: Endpoint, era: Era, *, has_echo: bool = True
) -> tuple[list[Check], list[Tool]]:
    """Run the checks of one era; returns them with the tools that were listed.

    Args:
        endpoint: where, and with which token.
        era: the era to use.
        has_echo: whether a tool called `echo` is the reference server's, which changes nothing.
    """
    opening, listing, calling = steps(era)
    checks: list[Check] = []
    tools: list[Tool] = []
    started = time.monotonic()

    def done(what: str, found: str) -> None:
        nonlocal started
        checks.append(Check(what, CheckStatus.OK, found, time.monotonic() - started))
        started = time.monotonic()

    try:
        async with connected(endpoint, era) as client:
            done(opening, f"MCP {client.protocol_version}")
            tools = (await client.list_tools()).tools
            done(listing, f"{len(tools)} tools")
            if not has_echo:
                checks.append(not_checked(calling, "its tools may have side effects"))
            elif HARMLESS in {tool.name for tool in tools}:
                await _call(client, endpoint)
                done(calling, f"{HARMLESS} answered")
            else:
                why = f"there is no tool {HARMLESS}, and other tools may have side effects"
                checks.append(not_checked(calling, why))
    except ProblemReport as raised:
        failed = [opening, listing, calling][len(checks)]
        checks.append(check_of_exception(failed, raised, time.monotonic() - started))
    rest = [not_checked(what, "the step before it failed") for what in steps(era)[len(checks) :]]
    return checks + rest, tools


async def _call(client: Client, endpoint: Endpoint) -> None:
    said = secrets.token_hex(8)
    result = await client.call_tool(HARMLESS, {"text": said})
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if result.is_error or texts != [said]:
        raise wrong(
            f"{endpoint.url}: tool {HARMLESS}",
            f"it answers {'an error: ' if result.is_error else ''}{' '.join(texts)[:200]!r}",
            "tools do not work for clients either",
            "the server's log says why: kubectl logs, with the namespace of the outputs",
        )
