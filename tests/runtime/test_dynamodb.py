"""The stores need exactly the DynamoDB tables and permissions that the component creates."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

from components.aws.session_tables import CONNECTIONS, SESSIONS, USER_INDEX
from runtime.config import StateSection
from runtime.state import Connection, Session, Stores
from runtime.stores import dynamodb, stores_of
from tests.harness.dynamodb import REGION
from tests.harness.store_stand_ins import Clock, opened

ADA = Session(session_id="s-1", user_id="ada", protocol_version="2025-11-25", expires_at=1_000)


@pytest.fixture
def stores() -> Iterator[Stores]:
    with opened("dynamodb", Clock(0)) as stores:
        yield stores


@pytest.fixture
def client(stores: Stores) -> Any:
    return _sessions(stores).call.client


def _sessions(stores: Stores) -> dynamodb.DynamoSessions:
    assert isinstance(stores.sessions, dynamodb.DynamoSessions)
    return stores.sessions


def test_dynamodb_ttl_uses_expires_at(client: Any):
    for table in ("sessions", "connections"):
        expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_the_store_queries_the_index_that_the_component_creates(client: Any):
    (index,) = client.describe_table(TableName="sessions")["Table"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == dynamodb.USER_INDEX == USER_INDEX
    assert index["KeySchema"] == [{"AttributeName": "user_id", "KeyType": "HASH"}]
    assert index["Projection"] == {"ProjectionType": "ALL"}


def test_connections_have_a_stream_and_both_tables_are_paid_by_request(client: Any):
    table = client.describe_table(TableName="connections")["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert {inputs["billingMode"] for inputs in (SESSIONS, CONNECTIONS)} == {"PAY_PER_REQUEST"}


async def test_the_documented_actions_are_those_that_a_whole_life_calls(
    stores: Stores, client: Any
):
    called: set[tuple[str, str]] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        kind = "index" if "IndexName" in params else params["TableName"]
        called.add((kind, f"dynamodb:{model.name}"))

    client.meta.events.register("provide-client-params.dynamodb.*", note)
    await stores.sessions.open(ADA, 1)
    await stores.sessions.renew(ADA)
    await stores.sessions.find("s-1")
    await stores.sessions.cancel("s-1", "7")
    await stores.sessions.cancelled("s-1")
    await stores.sessions.close("s-1")
    await stores.connections.connect(Connection(connection_id="c", user_id="a", expires_at=1))
    await stores.connections.find("c")
    await stores.connections.disconnect("c")
    said = re.findall("^- .*", dynamodb.__doc__ or "", re.MULTILINE)
    documented = {
        (kind, action)
        for kind, line in zip(("sessions", "index", "connections"), said, strict=True)
        for action in re.findall(r"dynamodb:\w+", line)
    }
    assert called == documented


async def test_sessions_on_every_page_of_a_query_count_for_the_limit(stores: Stores):
    """A page of a Query has at most 1 MiB."""
    large = dataclasses.replace(ADA, protocol_version="v" * 300_000)
    for number in range(5):
        assert await stores.sessions.open(dataclasses.replace(large, session_id=f"s-{number}"), 5)
    assert not await stores.sessions.open(ADA, 5)


def test_no_sdk_is_loaded_before_the_first_call_that_needs_it():
    state = StateSection(kind="dynamodb", sessions="a", connections="b", region=REGION)
    assert "client" not in vars(_sessions(stores_of(state)).call)
