"""Session and connection stores in DynamoDB, for Lambda.

The function's role must allow exactly these actions:

- on the table of sessions: dynamodb:UpdateItem, dynamodb:GetItem, dynamodb:DeleteItem;
- on its index UserIdIndex: dynamodb:Query;
- on the table of connections: dynamodb:PutItem, dynamodb:GetItem, dynamodb:DeleteItem.

DynamoDB deletes expired items within a few days, not at once ("Using time to live (TTL) in
DynamoDB", Amazon DynamoDB Developer Guide), so each read checks `expires_at`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import anyio

from ..config import StateSection
from ..state import Connection, Session, Stores
from . import aws
from .in_memory import InMemoryConnections

USER_INDEX = "UserIdIndex"

Item = Mapping[str, Mapping[str, Any]]


@dataclass
class DynamoDb:
    """Runs blocking calls of the SDK in threads; the first call imports the SDK."""

    region: str | None
    slots: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(aws.AT_ONCE))

    @cached_property
    def client(self) -> Any:
        return aws.client("dynamodb", region_name=self.region)

    async def __call__(self, operation: str, table: str, **request: Any) -> Mapping[str, Any]:
        call = partial(self._call, operation, TableName=table, **request)
        return await aws.in_thread(call, self.slots)

    def _call(self, operation: str, **request: Any) -> Mapping[str, Any]:
        return getattr(self.client, operation)(**request)


@dataclass(frozen=True)
class DynamoSessions:
    """A `SessionStore` over the table `table`."""

    call: DynamoDb
    table: str
    now: Callable[[], float] = time.time

    async def open(self, session: Session, most: int) -> bool:
        if len(await self.of_user(session.user_id)) >= most:
            return False
        await self.call("update_item", self.table, **_update(session))
        return True

    async def renew(self, session: Session) -> None:
        await self._if_there(**_update(session))

    async def find(self, session_id: str) -> Session | None:
        item = await self._item(session_id)
        return _living(_session(item), self.now()) if item else None

    async def close(self, session_id: str) -> None:
        await self.call("delete_item", self.table, Key=_key(session_id))

    async def of_user(self, user_id: str) -> list[Session]:
        """The unexpired sessions of a user."""
        sessions: list[Session] = []
        page: dict[str, Any] = {}
        while True:
            answer = await self.call(
                "query",
                self.table,
                IndexName=USER_INDEX,
                KeyConditionExpression="user_id = :u",
                FilterExpression="expires_at > :now",
                ExpressionAttributeValues={
                    ":u": {"S": user_id},
                    ":now": {"N": str(int(self.now()))},
                },
                **page,
            )
            sessions += map(_session, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return sessions
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    async def cancel(self, session_id: str, request_id: str) -> None:
        await self._if_there(
            Key=_key(session_id),
            UpdateExpression="ADD cancelled :r",
            ExpressionAttributeValues={":r": {"SS": [request_id]}},
        )

    async def cancelled(self, session_id: str) -> frozenset[str] | None:
        item = await self._item(session_id)
        if not item:
            return None
        return frozenset(item["cancelled"]["SS"]) if "cancelled" in item else frozenset()

    async def _if_there(self, **update: Any) -> None:
        """Update a session if it exists; a plain update would create one."""
        from botocore.exceptions import ClientError

        there = "attribute_exists(session_id)"
        try:
            await self.call("update_item", self.table, ConditionExpression=there, **update)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    async def _item(self, session_id: str) -> Item:
        # Consistent read: another instance may get the request after `initialize` in milliseconds.
        answer = await self.call("get_item", self.table, Key=_key(session_id), ConsistentRead=True)
        return answer.get("Item", {})


@dataclass(frozen=True)
class DynamoConnections:
    """A `ConnectionStore` over the table `table`."""

    call: DynamoDb
    table: str
    now: Callable[[], float] = time.time

    async def connect(self, connection: Connection) -> None:
        item = {
            "connection_id": {"S": connection.connection_id},
            "user_id": {"S": connection.user_id},
            "expires_at": {"N": str(connection.expires_at)},
        }
        await self.call("put_item", self.table, Item=item)

    async def find(self, connection_id: str) -> Connection | None:
        key = {"connection_id": {"S": connection_id}}
        answer = await self.call("get_item", self.table, Key=key, ConsistentRead=True)
        item: Item = answer.get("Item", {})
        if not item:
            return None
        found = Connection(
            connection_id=connection_id,
            user_id=item["user_id"]["S"],
            expires_at=int(item["expires_at"]["N"]),
        )
        return found if found.expires_at > self.now() else None

    async def disconnect(self, connection_id: str) -> None:
        await self.call("delete_item", self.table, Key={"connection_id": {"S": connection_id}})


def stores(state: StateSection) -> Stores:
    """The stores over the tables that `state` names; opens no connection yet."""
    assert state.sessions is not None
    call = DynamoDb(state.region)
    return Stores(
        DynamoSessions(call, state.sessions),
        DynamoConnections(call, state.connections) if state.connections else InMemoryConnections(),
    )


def _key(session_id: str) -> Item:
    return {"session_id": {"S": session_id}}


def _update(session: Session) -> Mapping[str, Any]:
    return {
        "Key": _key(session.session_id),
        "UpdateExpression": "SET user_id = :u, protocol_version = :v, expires_at = :e",
        "ExpressionAttributeValues": {
            ":u": {"S": session.user_id},
            ":v": {"S": session.protocol_version},
            ":e": {"N": str(session.expires_at)},
        },
    }


def _session(item: Item) -> Session:
    return Session(
        session_id=item["session_id"]["S"],
        user_id=item["user_id"]["S"],
        protocol_version=item["protocol_version"]["S"],
        expires_at=int(item["expires_at"]["N"]),
    )


def _living(session: Session, now: float) -> Session | None:
    return session if session.expires_at > now else None
