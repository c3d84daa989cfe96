"""Session and connection stores in Azure Table Storage, for the hosts on Azure.

A table has one key with two parts and no other index. A session is a row; each of its cancellations
is a row with the same partition key. A copy of the session's row has the user as its partition key,
so that one query finds all sessions of a user. The host's identity needs the role Storage Table
Data Contributor on both tables.

Table Storage has no TTL, so a user's expired sessions are deleted when the user opens another one.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config import StateSection
from ..state import Connection, Session, Stores
from .in_memory import InMemoryConnections

if TYPE_CHECKING:
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.credentials_async import AsyncTokenCredential

ITSELF = "itself"
"""Row key of the session or connection itself, in its partition."""
CANCELLED = "cancelled-"
USER = "user-"


@dataclass
class Table:
    """A table; the first call opens the connection.

    Attributes:
        credential: returns the credential of the host's managed identity.
    """

    endpoint: str
    name: str
    credential: Callable[[], AsyncTokenCredential | AzureNamedKeyCredential] | None = None

    @cached_property
    def client(self) -> Any:  # a `TableClient`, whose methods are typed in part
        from azure.core.pipeline.transport import AsyncioRequestsTransport
        from azure.data.tables.aio import TableClient

        return TableClient(
            self.endpoint,
            self.name,
            credential=(self.credential or managed_identity)(),
            # The library depends on requests in any case; aiohttp would add 2 MB to the archive.
            transport=AsyncioRequestsTransport(),
        )

    async def put(self, partition: str, row: str, **fields: Any) -> None:
        await self.client.upsert_entity(
            {"PartitionKey": _key(partition), "RowKey": _key(row), **fields}
        )

    async def update(self, partition: str, row: str, **fields: Any) -> None:
        """Update fields of the row; does nothing if it is absent."""
        from azure.core.exceptions import ResourceNotFoundError

        with contextlib.suppress(ResourceNotFoundError):
            await self.client.update_entity(
                {"PartitionKey": _key(partition), "RowKey": _key(row), **fields}
            )

    async def read(self, partition: str, row: str) -> Mapping[str, Any] | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return await self.client.get_entity(_key(partition), _key(row))
        except ResourceNotFoundError:
            return None

    async def rows(self, partition: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """The rows of a partition, with their row keys."""
        found = self.client.query_entities(
            "PartitionKey eq @partition", parameters={"partition": _key(partition)}
        )
        async for row in found:
            yield _text(row["RowKey"]), row

    async def delete(self, partition: str, row: str) -> None:
        """Delete the row; does nothing if it is absent."""
        await self.client.delete_entity(_key(partition), _key(row))


@dataclass(frozen=True)
class TableSessions:
    """A `SessionStore` over `table`."""

    table: Table
    now: Callable[[], float] = time.time

    async def open(self, session: Session, most: int) -> bool:
        user = USER + session.user_id
        unexpired = 0
        async for session_id, row in self.table.rows(user):
            if _expiry(row) > self.now():
                unexpired += 1
            elif session_id != session.session_id:
                await self.close(session_id)
        if unexpired >= most:
            return False
        fields = _fields(session)
        # The user's copy first: a session without it would never be found and deleted.
        await self.table.put(user, session.session_id, **fields)
        await self.table.put(session.session_id, ITSELF, **fields)
        return True

    async def renew(self, session: Session) -> None:
        fields = _fields(session)
        await self.table.update(USER + session.user_id, session.session_id, **fields)
        await self.table.update(session.session_id, ITSELF, **fields)

    async def find(self, session_id: str) -> Session | None:
        row = await self.table.read(session_id, ITSELF)
        return _session(session_id, row) if row and _expiry(row) > self.now() else None

    async def close(self, session_id: str) -> None:
        async for name, row in self.table.rows(session_id):
            if name == ITSELF:
                await self.table.delete(USER + row["user_id"], session_id)
            await self.table.delete(session_id, name)

    async def cancel(self, session_id: str, request_id: str) -> None:
        if await self.table.read(session_id, ITSELF) is not None:
            await self.table.put(session_id, CANCELLED + request_id)

    async def cancelled(self, session_id: str) -> frozenset[str] | None:
        names = [name async for name, _ in self.table.rows(session_id)]
        if ITSELF not in names:
            return None
        return frozenset(n.removeprefix(CANCELLED) for n in names if n.startswith(CANCELLED))


@dataclass(frozen=True)
class TableConnections:
    """A `ConnectionStore` over `table`."""

    table: Table
    now: Callable[[], float] = time.time

    async def connect(self, connection: Connection) -> None:
        await self.table.put(
            connection.connection_id,
            ITSELF,
            user_id=connection.user_id,
            expires_at=_moment(connection.expires_at),
        )

    async def find(self, connection_id: str) -> Connection | None:
        row = await self.table.read(connection_id, ITSELF)
        if row is None:
            return None
        if _expiry(row) <= self.now():
            await self.disconnect(connection_id)
            return None
        return Connection(
            connection_id=connection_id, user_id=row["user_id"], expires_at=_expiry(row)
        )

    async def disconnect(self, connection_id: str) -> None:
        await self.table.delete(connection_id, ITSELF)


def stores(state: StateSection) -> Stores:
    """The stores over the tables that `state` names, with the host's managed identity."""
    assert state.endpoint is not None
    assert state.sessions is not None
    return Stores(
        TableSessions(Table(state.endpoint, state.sessions)),
        TableConnections(Table(state.endpoint, state.connections))
        if state.connections
        else InMemoryConnections(),
    )


def managed_identity() -> AsyncTokenCredential:
    """The credential of the managed identity of this function or container."""
    import os

    from azure.core.pipeline.transport import AsyncioRequestsTransport
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(
        # A user-assigned identity is selected by its client id.
        client_id=os.environ.get("AZURE_CLIENT_ID"),
        transport=AsyncioRequestsTransport(),
    )


def _key(text: str) -> str:
    """Encode `text` as a key, which must not contain slash, backslash, `#` or `?`.

    "Understanding the Table service data model", Azure Storage documentation.
    """
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _text(key: str) -> str:
    return base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)).decode()


def _fields(session: Session) -> dict[str, Any]:
    return {
        "user_id": session.user_id,
        "protocol_version": session.protocol_version,
        "expires_at": _moment(session.expires_at),
    }


def _session(session_id: str, row: Mapping[str, Any]) -> Session:
    return Session(
        session_id=session_id,
        user_id=row["user_id"],
        protocol_version=row["protocol_version"],
        expires_at=_expiry(row),
    )


def _moment(seconds: int) -> datetime:
    """Seconds since the epoch as a timestamp: a table's 32-bit integers end in 2038."""
    return datetime.fromtimestamp(seconds, UTC)


def _expiry(row: Mapping[str, Any]) -> int:
    return int(row["expires_at"].timestamp())
