"""Every kind of store keeps, finds, expires, cancels and deletes sessions in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from runtime.state import LONGEST_KEY, Connection, Session, Stores
from runtime.stores.in_memory import InMemorySessions
from tests.harness.store_stand_ins import KINDS, Clock, opened

ADA = Session(session_id="s-1", user_id="ada", protocol_version="2025-11-25", expires_at=1_000)
ELSEWHERE = dataclasses.replace(ADA, session_id="s-2")
MOST = 100
HERS = Connection(connection_id="L0SM9cOFvHcCIhw=", user_id="ada", expires_at=1_000)


@pytest.fixture
def clock() -> Clock:
    return Clock(999)


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Stores]:
    with opened(request.param, clock) as stores:
        yield stores


async def test_a_session_is_found_by_its_id_as_it_was_opened(stores: Stores):
    await stores.sessions.open(ADA, MOST)
    assert await stores.sessions.find("s-1") == ADA
    assert await stores.sessions.find("s-2") is None


async def test_an_expired_session_is_not_found_before_it_is_deleted(stores: Stores, clock: Clock):
    await stores.sessions.open(ADA, MOST)
    clock.now = 1_000
    assert await stores.sessions.find("s-1") is None


async def test_a_renewal_prolongs_a_session_and_keeps_its_cancellations(
    stores: Stores, clock: Clock
):
    await stores.sessions.open(ADA, MOST)
    await stores.sessions.cancel("s-1", "7")
    longer = dataclasses.replace(ADA, expires_at=2_000)
    await stores.sessions.renew(longer)
    clock.now = 1_000
    assert await stores.sessions.find("s-1") == longer
    assert await stores.sessions.cancelled("s-1") == {"7"}
    assert not await stores.sessions.open(ELSEWHERE, 1)


async def test_a_renewal_brings_back_no_session_that_was_closed(stores: Stores):
    await stores.sessions.open(ADA, MOST)
    await stores.sessions.close("s-1")
    await stores.sessions.renew(dataclasses.replace(ADA, expires_at=2_000))
    assert await stores.sessions.find("s-1") is None
    assert await stores.sessions.open(ELSEWHERE, 1)


async def test_a_user_opens_no_more_sessions_than_the_limit(stores: Stores):
    theirs = dataclasses.replace(ADA, session_id="s-3", user_id="bob")
    assert await stores.sessions.open(theirs, 2)
    assert await stores.sessions.open(ADA, 2)
    assert await stores.sessions.open(ELSEWHERE, 2)
    refused = dataclasses.replace(ADA, session_id="s-4")
    assert not await stores.sessions.open(refused, 2)
    assert await stores.sessions.find("s-4") is None
    assert await stores.sessions.find("s-1") == ADA


async def test_closed_and_expired_sessions_make_room_for_others(stores: Stores, clock: Clock):
    await stores.sessions.open(ADA, 1)
    await stores.sessions.close("s-1")
    assert await stores.sessions.open(ELSEWHERE, 1)
    clock.now = 1_000
    later = dataclasses.replace(ADA, session_id="s-3", expires_at=2_000)
    assert await stores.sessions.open(later, 1)


async def test_closing_a_session_deletes_it_and_its_cancellations(stores: Stores):
    await stores.sessions.open(ADA, MOST)
    await stores.sessions.cancel("s-1", "7")
    await stores.sessions.close("s-1")
    assert await stores.sessions.find("s-1") is None
    assert await stores.sessions.cancelled("s-1") is None  # running calls end by this
    await stores.sessions.open(ADA, MOST)
    assert await stores.sessions.cancelled("s-1") == frozenset()


async def test_cancellations_of_several_instances_add_up(stores: Stores):
    await stores.sessions.open(ADA, MOST)
    await stores.sessions.open(ELSEWHERE, MOST)
    requests = {"7", "a/b.c#d?é `", "x" * LONGEST_KEY}
    for request in (*requests, "7"):
        await stores.sessions.cancel("s-1", request)
    assert await stores.sessions.cancelled("s-1") == requests
    assert await stores.sessions.cancelled("s-2") == frozenset()


async def test_a_process_keeps_only_the_newest_cancellations_of_a_session():
    store = InMemorySessions(Clock(999))
    await store.open(ADA, MOST)
    for number in range(10_000):
        await store.cancel("s-1", str(number))
    kept = await store.cancelled("s-1")
    assert kept is not None
    assert {str(number) for number in range(9_950, 10_000)} <= kept
    assert len(kept) <= 1_000


async def test_a_cancellation_makes_no_session(stores: Stores):
    await stores.sessions.cancel("s-1", "7")
    assert await stores.sessions.find("s-1") is None
    await stores.sessions.open(ADA, MOST)
    assert await stores.sessions.cancelled("s-1") == frozenset()


async def test_closing_an_absent_session_or_connection_is_accepted(stores: Stores):
    await stores.sessions.close("s-1")
    await stores.connections.disconnect(HERS.connection_id)


async def test_any_subject_can_be_a_user(stores: Stores):
    """A token's `sub` is any text: Azure's keys, for one, take no slash."""
    odd = dataclasses.replace(ADA, user_id="auth0|a/b\\c#d?e é%2F")
    await stores.sessions.open(odd, MOST)
    assert await stores.sessions.find("s-1") == odd
    assert not await stores.sessions.open(dataclasses.replace(odd, session_id="s-2"), 1)


async def test_a_connection_is_found_until_it_is_gone_or_expires(stores: Stores, clock: Clock):
    other = dataclasses.replace(HERS, connection_id="other")
    await stores.connections.connect(HERS)
    await stores.connections.connect(other)
    assert await stores.connections.find(HERS.connection_id) == HERS
    await stores.connections.disconnect(HERS.connection_id)
    assert await stores.connections.find(HERS.connection_id) is None
    clock.now = 1_000
    assert await stores.connections.find("other") is None
