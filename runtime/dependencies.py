"""What the tools, resources and prompts of a server use, and whose data they may read."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import AfterValidator, Field
from starlette.requests import Request

from .memories_table import MemoriesTable
from .qudag_stand_in import StandInNode
from .user_events import UserEvents
from .user_keys import UserKeys
from .vault_table import VaultTable


def _storable(text: str) -> str:
    """`text`, unless PostgreSQL or UTF-8 cannot hold it."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain the character NUL or half of a surrogate pair")
    return text


LONGEST_NAME = 200
Storable = AfterValidator(_storable)
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), Storable]


@dataclass(frozen=True)
class Dependencies:
    """The tables, the node and the keys of a server; None without their config section.

    Attributes:
        events: changes of users' resources, for their streams.
    """

    memory: MemoriesTable | None = None
    node: StandInNode | None = None
    keys: UserKeys | None = None
    vault: VaultTable | None = None
    events: UserEvents = field(default_factory=UserEvents)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep connections to the database, and the node's port open."""
        async with AsyncExitStack() as stack:
            if self.memory is not None:
                await stack.enter_async_context(self.memory.pool.running())
            if self.node is not None:
                await stack.enter_async_context(self.node.listening())
            yield


ToolContext = Context[Dependencies, Request]
RequestContext = ServerRequestContext[Dependencies, Any]


def owner_of(context: RequestContext) -> str | None:
    """The user whose data a request may read: the subject of its token; None without a token."""
    user = context.request.scope.get("user") if context.request is not None else None
    return user.access_token.subject if isinstance(user, AuthenticatedUser) else None


def caller_of(context: ToolContext) -> str:
    """The user who calls a tool; raises `ToolError` if there is none."""
    owner = owner_of(context.request_context)
    if owner is None:
        raise ToolError("this tool works for one user: call with a bearer token that names one")
    return owner
