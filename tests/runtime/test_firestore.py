"""What the store adds to Firestore's API: the host's token, and errors in Google's words."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from runtime.state import Stores
from runtime.stores.firestore import (
    TOKENS,
    Database,
    FirestoreError,
    FirestoreSessions,
    Identity,
)
from tests.harness.state import Clock, opened


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


async def test_a_refusal_is_told_in_googles_words():
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
