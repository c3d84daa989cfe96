"""Session and connection stores in Firestore, for the hosts on Google Cloud.

They use the REST API. The client library depends on gRPC: the function's archive would have 29 MB
(25 are allowed) and the import would take 0.4 s. The methods are `documents:batchGet`,
`documents:commit` and `documents:runQuery` ("REST Resource: projects.databases.documents",
Firestore reference). They need datastore.entities.get, .list, .create, .update and .delete, which
the role roles/datastore.user has.

A TTL policy on the field `expires_at` deletes expired documents, typically within a day ("Manage
data retention with TTL policies", Firestore documentation), so each read checks the field. A TTL
policy needs a timestamp, so the field is one.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..config import StateSection
from ..state import Connection, Session, Stores

if TYPE_CHECKING:
    import httpx2

SESSIONS, CONNECTIONS = "sessions", "connections"
"""Names of the collections; the ids of documents are session ids and connection ids."""
CANCELLED = "cancelled_"
API = "https://firestore.googleapis.com"
TOKENS = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)
"""URL of the metadata server's access tokens ("About VM metadata", Compute Engine)."""
WITHIN_SECONDS = 5.0
EARLY_SECONDS = 60.0
"""A token is renewed this long before it expires."""

Fields = Mapping[str, Mapping[str, Any]]


class FirestoreError(Exception):
    """Firestore answered an error; the message is Google's."""


@dataclass
class Identity:
    """Gets access tokens of the host's identity, and caches them."""

    token: str = ""
    good_until: float = 0.0

    async def __call__(self, http: httpx2.AsyncClient) -> str:
        if time.monotonic() > self.good_until:
            answer = await http.get(TOKENS, headers={"metadata-flavor": "Google"})
            said = answer.raise_for_status().json()
            self.token = said["access_token"]
            self.good_until = time.monotonic() + said["expires_in"] - EARLY_SECONDS
        return self.token


@dataclass
class Database:
    """A Firestore database; the first call opens the connection."""

    project: str
    name: str
    api: str = API
    token: Callable[[httpx2.AsyncClient], Awaitable[str]] = field(default_factory=Identity)

    @cached_property
    def http(self) -> httpx2.AsyncClient:
        import httpx2

        return httpx2.AsyncClient(timeout=WITHIN_SECONDS)

    @property
    def root(self) -> str:
        return f"projects/{self.project}/databases/{self.name}/documents"

    async def put(self, collection: str, name: str, fields: Fields, **conditions: Any) -> None:
        """Write `fields` and keep the document's other fields; raises `FirestoreError`."""
        update = {"name": f"{self.root}/{collection}/{name}", "fields": fields}
        write = {"update": update, "updateMask": {"fieldPaths": list(fields)}, **conditions}
        await self._call("commit", {"writes": [write]})

    async def delete(self, collection: str, name: str) -> None:
        """Delete the document; does nothing if it is absent."""
        await self._call("commit", {"writes": [{"delete": f"{self.root}/{collection}/{name}"}]})

    async def read(self, collection: str, name: str) -> Fields:
        """The document's fields; empty if it does not exist."""
        wanted = {"documents": [f"{self.root}/{collection}/{name}"]}
        (answer,) = await self._call("batchGet", wanted)
        return answer.get("found", {}).get("fields", {})

    async def where(self, collection: str, path: str, value: str) -> Iterator[tuple[str, Fields]]:
        """Ids and fields of the documents whose field `path` equals `value`."""
        equal = {
            "field": {"fieldPath": path},
            "op": "EQUAL",
            "value": {"stringValue": value},
        }
        query = {"from": [{"collectionId": collection}], "where": {"fieldFilter": equal}}
        answers = await self._call("runQuery", {"structuredQuery": query})
        found = [answer["document"] for answer in answers if "document" in answer]
        return ((each["name"].rpartition("/")[2], each["fields"]) for each in found)

    async def _call(self, method: str, request: Mapping[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {await self.token(self.http)}"}
        answer = await self.http.post(
            f"{self.api}/v1/{self.root}:{method}", json=request, headers=headers
        )
        if answer.is_error:
            raise FirestoreError(_status(answer.json()))
        return answer.json()


@dataclass(frozen=True)
class FirestoreSessions:
    """A `SessionStore`."""

    database: Database
    now: Callable[[], float] = time.time

    async def open(self, session: Session, most: int) -> bool:
        if await self._opened_by(session.user_id) >= most:
            return False
        await self.database.put(SESSIONS, session.session_id, _fields(session))
        return True

    async def renew(self, session: Session) -> None:
        await self._if_there(session.session_id, _fields(session))

    async def find(self, session_id: str) -> Session | None:
        fields = await self.database.read(SESSIONS, session_id)
        session = _session(session_id, fields) if fields else None
        return session if session and session.expires_at > self.now() else None

    async def close(self, session_id: str) -> None:
        await self.database.delete(SESSIONS, session_id)

    async def _opened_by(self, user_id: str) -> int:
        """The number of unexpired sessions of a user."""
        # Firestore indexes every single field by default.
        found = await self.database.where(SESSIONS, "user_id", user_id)
        return sum(_expiry(fields) > self.now() for _, fields in found)

    async def cancel(self, session_id: str, request_id: str) -> None:
        # A field per cancellation, so that instances do not overwrite each other's.
        cancelled = {CANCELLED + request_id.encode().hex(): {"booleanValue": True}}
        await self._if_there(session_id, cancelled)

    async def cancelled(self, session_id: str) -> frozenset[str] | None:
        fields = await self.database.read(SESSIONS, session_id)
        if not fields:
            return None
        return frozenset(
            bytes.fromhex(name.removeprefix(CANCELLED)).decode()
            for name in fields
            if name.startswith(CANCELLED)
        )

    async def _if_there(self, session_id: str, fields: Fields) -> None:
        """Write fields of a session if it exists; a plain write would create one."""
        try:
            await self.database.put(SESSIONS, session_id, fields, currentDocument={"exists": True})
        except FirestoreError as error:
            if "NOT_FOUND" not in str(error):
                raise


@dataclass(frozen=True)
class FirestoreConnections:
    """A `ConnectionStore`."""

    database: Database
    now: Callable[[], float] = time.time

    async def connect(self, connection: Connection) -> None:
        fields = {
            "user_id": {"stringValue": connection.user_id},
            "expires_at": _moment(connection.expires_at),
        }
        await self.database.put(CONNECTIONS, connection.connection_id, fields)

    async def find(self, connection_id: str) -> Connection | None:
        fields = await self.database.read(CONNECTIONS, connection_id)
        if not fields:
            return None
        found = Connection(
            connection_id=connection_id,
            user_id=fields["user_id"]["stringValue"],
            expires_at=_expiry(fields),
        )
        return found if found.expires_at > self.now() else None

    async def disconnect(self, connection_id: str) -> None:
        await self.database.delete(CONNECTIONS, connection_id)


def stores(state: StateSection) -> Stores:
    """The stores in the Firestore database that `state` names."""
    assert state.project is not None
    assert state.database is not None
    database = Database(state.project, state.database)
    return Stores(FirestoreSessions(database), FirestoreConnections(database))


def _fields(session: Session) -> Fields:
    return {
        "user_id": {"stringValue": session.user_id},
        "protocol_version": {"stringValue": session.protocol_version},
        "expires_at": _moment(session.expires_at),
    }


def _session(session_id: str, fields: Fields) -> Session:
    return Session(
        session_id=session_id,
        user_id=fields["user_id"]["stringValue"],
        protocol_version=fields["protocol_version"]["stringValue"],
        expires_at=_expiry(fields),
    )


def _moment(seconds: int) -> Mapping[str, str]:
    return {"timestampValue": datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _expiry(fields: Fields) -> int:
    return int(datetime.fromisoformat(fields["expires_at"]["timestampValue"]).timestamp())


def _status(answer: Any) -> str:
    """The error as `NOT_FOUND: …`; streaming methods wrap the same JSON in a list."""
    whole: list[Any] = [answer] if isinstance(answer, dict) else answer
    return f"{whole[0]['error']['status']}: {whole[0]['error']['message']}"
