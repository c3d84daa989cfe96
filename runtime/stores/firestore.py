"""State in Firestore: for Google Cloud's hosts, whose next request may reach another instance.

The client library takes 0.4 s to import, so it is loaded by the first call that needs it. Of the
role roles/datastore.user it uses datastore.entities.get, .list, .create, .update and .delete.

A policy on the field `expires_at` deletes what has expired, typically within a day ("Manage data
retention with TTL policies", Firestore documentation): a reader looks at the field itself. Such a
policy asks for a timestamp, so the field is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from ..config import StateSection
from ..state import Connection, Session, Stores

SESSIONS, CONNECTIONS = "sessions", "connections"
"""Collections, each document named by what it is about."""
CANCELLED = "cancelled_"
WITHIN_SECONDS = 5.0


@dataclass
class Database:
    """A connection to the database, opened by the first call."""

    project: str
    name: str

    @cached_property
    def client(self) -> Any:  # an `AsyncClient`, whose methods are typed in part
        from google.cloud.firestore_v1.async_client import AsyncClient

        return AsyncClient(project=self.project, database=self.name)

    def document(self, collection: str, name: str) -> Any:
        return self.client.collection(collection).document(name)

    async def read(self, collection: str, name: str) -> Mapping[str, Any]:
        """The document's fields; empty where there is none."""
        found = await self.document(collection, name).get(timeout=WITHIN_SECONDS)
        return found.to_dict() or {}


@dataclass(frozen=True)
class FirestoreSessions:
    """A `SessionStore`."""

    database: Database
    now: Callable[[], float] = time.time

    async def open(self, session: Session) -> None:
        fields = {
            "user_id": session.user_id,
            "protocol_version": session.protocol_version,
            "expires_at": datetime.fromtimestamp(session.expires_at, UTC),
        }
        # Merged: an opening anew keeps what was cancelled.
        document = self.database.document(SESSIONS, session.session_id)
        await document.set(fields, merge=True, timeout=WITHIN_SECONDS)

    async def find(self, session_id: str) -> Session | None:
        fields = await self.database.read(SESSIONS, session_id)
        session = _session(session_id, fields) if fields else None
        return session if session and session.expires_at > self.now() else None

    async def close(self, session_id: str) -> None:
        await self.database.document(SESSIONS, session_id).delete(timeout=WITHIN_SECONDS)

    async def of_user(self, user_id: str) -> list[Session]:
        from google.cloud.firestore_v1.base_query import FieldFilter

        # By the index that Firestore keeps of every single field.
        query = self.database.client.collection(SESSIONS).where(
            filter=FieldFilter("user_id", "==", user_id)
        )
        found = [
            _session(document.id, document.to_dict() or {})
            async for document in query.stream(timeout=WITHIN_SECONDS)
        ]
        return [session for session in found if session.expires_at > self.now()]

    async def cancel(self, session_id: str, request_id: str) -> None:
        from google.api_core.exceptions import NotFound

        # A field each, so that instances never write over one another.
        field = CANCELLED + request_id.encode().hex()
        document = self.database.document(SESSIONS, session_id)
        try:
            await document.update({field: True}, timeout=WITHIN_SECONDS)
        except NotFound:
            return  # an update makes no document

    async def cancelled(self, session_id: str) -> frozenset[str]:
        fields = await self.database.read(SESSIONS, session_id)
        return frozenset(
            bytes.fromhex(field.removeprefix(CANCELLED)).decode()
            for field in fields
            if field.startswith(CANCELLED)
        )


@dataclass(frozen=True)
class FirestoreConnections:
    """A `ConnectionStore`."""

    database: Database
    now: Callable[[], float] = time.time

    async def connect(self, connection: Connection) -> None:
        fields = {
            "user_id": connection.user_id,
            "expires_at": datetime.fromtimestamp(connection.expires_at, UTC),
        }
        document = self.database.document(CONNECTIONS, connection.connection_id)
        await document.set(fields, timeout=WITHIN_SECONDS)

    async def find(self, connection_id: str) -> Connection | None:
        fields = await self.database.read(CONNECTIONS, connection_id)
        if not fields:
            return None
        found = Connection(
            connection_id=connection_id,
            user_id=fields["user_id"],
            expires_at=int(fields["expires_at"].timestamp()),
        )
        return found if found.expires_at > self.now() else None

    async def disconnect(self, connection_id: str) -> None:
        await self.database.document(CONNECTIONS, connection_id).delete(timeout=WITHIN_SECONDS)


def stores(state: StateSection) -> Stores:
    """The collections of the database that `state` names."""
    assert state.project is not None
    assert state.database is not None
    database = Database(state.project, state.database)
    return Stores(FirestoreSessions(database), FirestoreConnections(database))


def _session(session_id: str, fields: Mapping[str, Any]) -> Session:
    return Session(
        session_id=session_id,
        user_id=fields["user_id"],
        protocol_version=fields["protocol_version"],
        expires_at=int(fields["expires_at"].timestamp()),
    )
