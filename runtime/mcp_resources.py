"""The MCP resources of the reference server, and the roles that offer them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Annotations,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from pydantic import TypeAdapter, ValidationError

from . import __version__
from .config import Config
from .database_pool import NoDatabaseError
from .dependencies import Dependencies, Name, RequestContext, owner_of
from .memories_table import MemoriesTable, Memory
from .server_config import Role

CONFIGURATION = "config://server"
NODE = "node://identity"
PEERS = "node://peers"
MEMORY_PREFIX = "memory:///"
MEMORIES = f"{MEMORY_PREFIX}{{name}}"
PAGE_SIZE = 100
"""Memories on a page of `resources/list`."""
MOST_COMPLETIONS = 100
"""Completions in one answer: the limit of the MCP specification."""

_WITH_NODE = (CONFIGURATION, NODE, PEERS)
_WITH_MEMORY = (CONFIGURATION, MEMORIES)
ROLE_RESOURCES: dict[Role, tuple[str, ...]] = {
    Role.MONOLITH: (*_WITH_NODE, MEMORIES),
    Role.CORE: _WITH_MEMORY,
    Role.TOOLS: (CONFIGURATION,),
    Role.STATE: _WITH_MEMORY,
    Role.QUDAG: _WITH_NODE,
    Role.CONSENSUS: _WITH_NODE,
    Role.CRYPTO: _WITH_NODE,
    Role.AUTH: (CONFIGURATION,),
    Role.CONFIG: (CONFIGURATION,),
    Role.FEDERATION: (),
    Role.FRONT: (),
}
"""Resources by URI, and the template of memories. Without their config section they are left out:
those of the node without `[qudag]`, memories without `[database]`."""
_TEXTS = {
    CONFIGURATION: ("configuration", "How this server is configured, without anything secret."),
    NODE: ("node", "Name and key of this server's node, which is a stand-in and runs no DAG."),
    PEERS: ("peers", "The configured peers of this server's node, and which of them answer now."),
}
_NAME = TypeAdapter[str](Name)
JSON = "application/json"
TEXT = "text/plain"


def memory_uri(name: str) -> str:
    """The URI of the memory of that name; one that names none if no memory can have the name."""
    return MEMORY_PREFIX + quote(name, safe="", errors="surrogatepass")


def _is_name(text: str) -> bool:
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def memory_name(uri: str) -> str | None:
    """The name of the memory at that URI; None if it is no URI of a memory."""
    if not uri.startswith(MEMORY_PREFIX):
        return None
    try:
        return _NAME.validate_python(unquote_to_bytes(uri.removeprefix(MEMORY_PREFIX)).decode())
    except (UnicodeDecodeError, ValidationError):
        return None


@dataclass(frozen=True)
class OwnResources:
    """The resources of this server, without those of other servers."""

    config: Config
    dependencies: Dependencies

    @property
    def uris(self) -> list[str]:
        """The URIs of the role, and its templates, without those whose section is absent."""
        absent = {
            *(() if self.dependencies.node is not None else (NODE, PEERS)),
            *(() if self.dependencies.memory is not None else (MEMORIES,)),
        }
        return [uri for uri in ROLE_RESOURCES[self.config.server.role] if uri not in absent]

    def label(self, uri: str) -> str | None:
        """The resource's label in logs and metrics, which contains no name that a user chose."""
        if uri.startswith(MEMORY_PREFIX):
            return MEMORIES if MEMORIES in self.uris else None
        return uri if uri in self.uris else None

    def templates(self) -> list[ResourceTemplate]:
        """The templates of resources."""
        if MEMORIES not in self.uris:
            return []
        described = "A text that you keep with `remember`."
        return [
            ResourceTemplate(
                name="memory", uri_template=MEMORIES, description=described, mime_type=TEXT
            )
        ]

    async def page(
        self, context: RequestContext, cursor: str | None
    ) -> tuple[list[Resource], str | None]:
        """One page of the resources that the caller may read, and the cursor of the next one.

        While the database does not answer, the first page contains no memories.

        Raises:
            MCPError: the cursor is not one of this server, or the database does not answer.
        """
        after = _decoded(cursor)
        listed = [] if after else [self._listed(uri) for uri in self.uris if uri in _TEXTS]
        memory, owner = self.dependencies.memory, owner_of(context)
        if memory is None or owner is None or MEMORIES not in self.uris:
            return listed, None
        try:
            rows = await memory.list(owner, PAGE_SIZE + 1, after=after)
        except NoDatabaseError as error:
            if not after:
                return listed, None
            raise MCPError(INTERNAL_ERROR, str(error)) from None
        listed += [_listed_memory(row) for row in rows[:PAGE_SIZE]]
        following = _encoded(rows[PAGE_SIZE - 1].name) if len(rows) > PAGE_SIZE else None
        return listed, following

    async def read(self, uri: str, context: RequestContext) -> TextResourceContents | None:
        """The resource at that URI; None if there is none for this caller.

        Raises:
            MCPError: the database does not answer, or the caller has no token.
        """
        readers: dict[str, Callable[[], Awaitable[Any]]] = {
            CONFIGURATION: self._configuration,
            NODE: self._node,
            PEERS: self._peers,
        }
        if uri in self.uris and uri in readers:
            written = json.dumps(await readers[uri](), ensure_ascii=False, indent=2)
            return TextResourceContents(uri=uri, mime_type=JSON, text=written)
        name = memory_name(uri)
        if name is None or MEMORIES not in self.uris:
            return None
        memory, owner = self._of_caller(context)
        try:
            text = await memory.read(owner, name)
        except NoDatabaseError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None
        if text is None:
            return None
        return TextResourceContents(uri=uri, mime_type=TEXT, text=text)

    async def names(self, prefix: str, context: RequestContext) -> tuple[list[str], bool]:
        """The caller's names of memories that begin with `prefix`, and whether there are more.

        Raises:
            MCPError: the database does not answer, or the caller has no token.
        """
        memory, owner = self._of_caller(context)
        if prefix and not _is_name(prefix):
            return [], False
        try:
            rows = await memory.list(owner, MOST_COMPLETIONS + 1, prefix=prefix)
        except NoDatabaseError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None
        return [row.name for row in rows[:MOST_COMPLETIONS]], len(rows) > MOST_COMPLETIONS

    def _listed(self, uri: str) -> Resource:
        name, description = _TEXTS[uri]
        return Resource(uri=uri, name=name, description=description, mime_type=JSON)

    def _of_caller(self, context: RequestContext) -> tuple[MemoriesTable, str]:
        memory, owner = self.dependencies.memory, owner_of(context)
        if memory is None or owner is None:
            raise MCPError(INVALID_REQUEST, "a memory needs an owner: call with a bearer token")
        return memory, owner

    async def _configuration(self) -> dict[str, Any]:
        return public_configuration(self.config)

    async def _node(self) -> dict[str, Any]:
        node = self.dependencies.node
        assert node is not None
        return node.identity().model_dump(mode="json")

    async def _peers(self) -> list[dict[str, Any]]:
        node = self.dependencies.node
        assert node is not None
        return [peer.model_dump(mode="json") for peer in await node.peers()]


def public_configuration(config: Config) -> dict[str, Any]:
    """The configuration that every caller may see: no address, user, file or name of a secret."""
    auth = config.auth
    return {
        "server": {
            "name": config.name,
            "role": config.role,
            "version": __version__,
            "workers": config.server.workers,
        },
        "protocol": config.protocol.model_dump(
            mode="json", include={"era", "longest_tool_seconds", "drain_seconds", "json_answers"}
        ),
        "auth": {
            "issuer": auth.issuer,
            "resource_url": auth.resource_url,
            "required_scopes": list(auth.required_scopes),
            "access_tokens_only": auth.access_tokens_only,
            "clock_skew_seconds": auth.clock_skew_seconds,
            "jwks_max_age_seconds": auth.jwks_max_age_seconds,
        },
        "limits": config.limits.model_dump(mode="json"),
        "parts": {
            "database": config.database is not None,
            "cache": config.redis is not None,
            "node": config.qudag is not None,
            "session_store": config.state.kind if config.state is not None else None,
        },
    }


def _listed_memory(row: Memory) -> Resource:
    return Resource(
        uri=memory_uri(row.name),
        name=row.name,
        mime_type=TEXT,
        size=row.size,
        annotations=Annotations(last_modified=row.written_at.isoformat()),
    )


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _decoded(cursor: str | None) -> str:
    """The name after which a page begins; "" for the first page."""
    if cursor is None:
        return ""
    try:
        return _NAME.validate_python(base64.b64decode(cursor, b"-_", validate=True).decode())
    except (binascii.Error, UnicodeDecodeError, ValidationError, ValueError):
        raise MCPError(INVALID_PARAMS, "The cursor is not one of this server") from None
