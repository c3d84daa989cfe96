"""The tables for sessions and connections, as data: what AwsLambda makes and what its tests use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USER_INDEX = "UserIdIndex"
"""The index that `runtime.stores.dynamodb` queries."""

_ON_DEMAND: Mapping[str, Any] = {
    "billingMode": "PAY_PER_REQUEST",
    "ttl": {"attributeName": "expires_at", "enabled": True},
}

SESSIONS: Mapping[str, Any] = {
    **_ON_DEMAND,
    "attributes": [{"name": "session_id", "type": "S"}, {"name": "user_id", "type": "S"}],
    "hashKey": "session_id",
    "globalSecondaryIndexes": [
        {
            "name": USER_INDEX,
            "keySchemas": [{"attributeName": "user_id", "keyType": "HASH"}],
            "projectionType": "ALL",
        }
    ],
}
"""Inputs of aws:dynamodb/table:Table in its wire names, all but name and protection."""

CONNECTIONS: Mapping[str, Any] = {
    **_ON_DEMAND,
    "attributes": [{"name": "connection_id", "type": "S"}],
    "hashKey": "connection_id",
    "streamEnabled": True,
    "streamViewType": "NEW_AND_OLD_IMAGES",
}
"""The same for connections; TTL deletes a connection whose disconnect event was lost."""
