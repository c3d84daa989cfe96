"""The in-memory stores, and the selection of a store by configuration."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.config import StateSection
from runtime.state import LONGEST_KEY, Connection, Session, request_key
from runtime.stores import stores_of
from runtime.stores.in_memory import InMemoryConnections, InMemorySessions

ADA = Session(session_id="s", user_id="ada", protocol_version="2025-11-25", expires_at=100)


async def test_a_session_is_found_until_it_expires():
    moment = 99.0
    store = InMemorySessions(now=lambda: moment)
    await store.open(ADA, 1)
    assert await store.find("s") == ADA
    moment = 100
    assert await store.find("s") is None


async def test_closing_a_session_deletes_its_cancellations():
    store = InMemorySessions(now=lambda: 0)
    await store.open(ADA, 1)
    await store.cancel("s", "7")
    assert await store.cancelled("s") == {"7"}
    await store.close("s")
    await store.open(ADA, 1)
    assert await store.cancelled("s") == frozenset()


async def test_a_cancellation_of_no_session_is_not_kept():
    store = InMemorySessions(now=lambda: 0)
    await store.cancel("s", "7")
    await store.open(ADA, 1)
    assert await store.cancelled("s") == frozenset()


async def test_a_connection_is_found_until_it_is_gone():
    store = InMemoryConnections(now=lambda: 0)
    connection = Connection(connection_id="c", user_id="ada", expires_at=100)
    await store.connect(connection)
    assert await store.find("c") == connection
    await store.disconnect("c")
    assert await store.find("c") is None


def test_a_request_is_named_by_its_id_and_its_kind():
    assert len({request_key(1), request_key("1"), request_key('"1"')}) == 3


@pytest.mark.parametrize("identity", [None, True, 1.5, [], {}, "x" * LONGEST_KEY, 10**LONGEST_KEY])
def test_an_invalid_request_id_has_no_key(identity: object):
    assert request_key(identity) is None


def test_the_default_session_store_is_in_memory():
    assert isinstance(stores_of(StateSection()).sessions, InMemorySessions)


@pytest.mark.parametrize(
    "section",
    [
        {"kind": "dynamodb", "sessions": "s"},
        {"kind": "azure-tables", "endpoint": "https://a.table.core.windows.net", "sessions": "s"},
    ],
    ids=lambda section: section["kind"],
)
def test_a_process_keeps_its_own_connections_where_no_table_is_named(section: dict[str, Any]):
    assert isinstance(stores_of(StateSection(**section)).connections, InMemoryConnections)
