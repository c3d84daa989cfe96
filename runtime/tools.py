"""The MCP tools of the reference server, and the roles that offer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated
from pydantic import Field

from .config import Config
from .database_pool import NoDatabaseError
from .dependencies import Name, Storable, ToolContext, caller_of
from .key_tools import open_sealed, public_keys, seal, sign, verify_signature
from .mcp_resources import memory_uri
from .memories_table import MemoriesTable, MemoryQuotaError
from .qudag_stand_in import NodeReport
from .server_config import Role
from .vault_tools import vault_delete, vault_names, vault_read, vault_write

Seconds = Annotated[float, Field(ge=0, le=3600)]


async def echo(text: Annotated[str, Field(max_length=100_000)]) -> str:
    """Return the text unchanged."""
    return text


async def wait(seconds: Seconds) -> str:
    """Answer after so many seconds; the server's limit for a call ends it earlier."""
    await anyio.sleep(seconds)
    return f"waited {seconds:g} s"


async def count(
    to: Annotated[int, Field(ge=1, le=10_000)],
    context: ToolContext,
    pause_seconds: Seconds = 0.1,
) -> str:
    """Count from 1, reporting progress at each step."""
    for step in range(1, to + 1):
        await context.report_progress(step, to, f"{step} of {to}")
        if step < to:
            await anyio.sleep(pause_seconds)
    return f"counted to {to}"


async def fail(reason: Annotated[str, Field(max_length=1000)] = "asked to fail") -> str:
    """Fail, always: for trying out how a client shows tool errors."""
    raise ToolError(reason)


async def remember(
    name: Name, text: Annotated[str, Field(max_length=100_000), Storable], context: ToolContext
) -> str:
    """Keep a text under a name, for you alone; answered once it is committed."""
    owner, events = caller_of(context), context.request_context.lifespan_context.events
    try:
        added = await _memory(context).write(owner, name, text)
    except (NoDatabaseError, MemoryQuotaError) as error:
        raise ToolError(str(error)) from None
    if added:
        await events.publish(owner, ResourcesListChanged())
    await events.publish(owner, ResourceUpdated(memory_uri(name)))
    return f"remembered {name}"


async def recall(name: Name, context: ToolContext) -> str:
    """Return the text that you keep under a name."""
    try:
        text = await _memory(context).read(caller_of(context), name)
    except NoDatabaseError as error:
        raise ToolError(str(error)) from None
    if text is None:
        raise ToolError(f"nothing is remembered under {name}")
    return text


async def node_identity(context: ToolContext) -> NodeReport:
    """Say which node key this server keeps, and which of its peers answer."""
    node = context.request_context.lifespan_context.node
    assert node is not None
    return await node.report()


_EXERCISES = ("echo", "wait", "count", "fail")
_MEMORY = ("remember", "recall")
_KEYS = ("public_keys", "seal", "open_sealed", "sign", "verify_signature")
_VAULT = ("vault_write", "vault_read", "vault_names", "vault_delete")
ROLE_TOOLS: dict[Role, tuple[str, ...]] = {
    Role.MONOLITH: (*_EXERCISES, *_MEMORY, "node_identity", *_KEYS, *_VAULT),
    Role.CORE: (*_EXERCISES, *_MEMORY),
    Role.TOOLS: _EXERCISES,
    Role.STATE: ("echo", *_MEMORY),
    Role.QUDAG: ("echo", "node_identity", *_VAULT),
    Role.CONSENSUS: ("echo", "node_identity"),
    Role.CRYPTO: ("echo", "node_identity", *_KEYS),
    Role.AUTH: ("echo",),
    Role.CONFIG: ("echo",),
    Role.FEDERATION: (),  # it offers the tools of other servers alone
    Role.FRONT: (),  # the program behind it has tools
}
_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    *(echo, wait, count, fail),
    *(remember, recall, node_identity),
    *(public_keys, seal, open_sealed, sign, verify_signature),
    *(vault_write, vault_read, vault_names, vault_delete),
)
_STRUCTURED = frozenset({"node_identity", "public_keys", "verify_signature", "vault_names"})
"""Tools whose results have an output schema; the others return text."""


def tools_of(config: Config) -> dict[str, Tool]:
    """The tools of the configured role by name, without those whose config section is absent."""
    absent = {
        *(_MEMORY if config.database is None else ()),
        *(("node_identity",) if config.qudag is None else ()),
        *(_KEYS if config.user_keys is None else ()),
        *(_VAULT if config.vault is None else ()),
    }
    functions = {function.__name__: function for function in _FUNCTIONS}
    return {
        name: Tool.from_function(functions[name], structured_output=name in _STRUCTURED)
        for name in ROLE_TOOLS[config.server.role]
        if name not in absent
    }


def _memory(context: ToolContext) -> MemoriesTable:
    memory = context.request_context.lifespan_context.memory
    assert memory is not None
    return memory
