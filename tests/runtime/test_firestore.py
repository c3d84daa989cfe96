"""The Firestore store sends the host's token, and reports Google's error messages."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from runtime.state import Session, Stores
from runtime.stores.firestore import (
    TOKENS,
    Database,
    FirestoreError,
    FirestoreSessions,
    Identity,
)
from tests.harness.store_stand_ins import Clock, opened


def _database(stores: Stores) -> Database:
    assert isinstance(stores.sessions, FirestoreSessions)
    return stores.sessions.database


async def test_the_hosts_token_is_asked_for_once_while_it_is_good():
    asked: list[httpx2.Request] = []

    def metadata(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        said: dict[str, Any] = {"access_token": f"t{len(asked)}", "expires_in": 3599}
        return httpx2.Response(200, json=said)

    identity = Identity()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(metadata)) as http:
        assert [await identity(http), await identity(http)] == ["t1", "t1"]
        identity.good_until = 0
        assert await identity(http) == "t2"
    assert {str(request.url) for request in asked} == {TOKENS}
    assert {request.headers["metadata-flavor"] for request in asked} == {"Google"}


async def test_a_refusal_is_reported_with_googles_message():
    with opened("firestore", Clock(0)) as stores:
        database = _database(stores)

        async def another(_: httpx2.AsyncClient) -> str:
            return "of another"

        database.token = another
        with pytest.raises(FirestoreError, match="UNAUTHENTICATED"):
            await stores.sessions.find("s-1")


async def test_a_request_that_the_protocol_does_not_have_is_refused():
    """Else the tests of this store would show only that it agrees with itself."""
    with opened("firestore", Clock(0)) as stores:
        database = _database(stores)
        with pytest.raises(FirestoreError, match=r"INVALID_ARGUMENT.*currentDocuments"):
            await database.put("sessions", "s-1", {}, currentDocuments={"exists": True})


async def test_a_write_names_its_fields_so_that_the_others_stay():
    """Without a mask Firestore replaces the document; the server of these tests never does."""
    writes: list[dict[str, Any]] = []

    def commit(request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.content)
        writes.extend(asked.get("writes", []))
        return httpx2.Response(200, json={} if "writes" in asked else [])

    async def token(_: httpx2.AsyncClient) -> str:
        return "t"

    database = Database("project", "(default)", token=token)
    database.http = httpx2.AsyncClient(transport=httpx2.MockTransport(commit))
    sessions = FirestoreSessions(database)
    await sessions.open(
        Session(session_id="s", user_id="ada", protocol_version="2025-11-25", expires_at=1), 1
    )
    await sessions.cancel("s", "7")
    assert [set(write["updateMask"]["fieldPaths"]) for write in writes] == [
        {"user_id", "protocol_version", "expires_at"},
        {"cancelled_37"},
    ]
    assert [set(write["update"]["fields"]) for write in writes] == [
        set(write["updateMask"]["fieldPaths"]) for write in writes
    ]
