"""Stores of sessions and connections; a module per kind, imported only when it is used."""

from __future__ import annotations

from ..redis_config import RedisSection
from ..state import Stores
from ..state_config import StateSection


def stores_of(state: StateSection, redis: RedisSection | None = None) -> Stores:
    """The stores of the kind that `state` names; imports the client library of that kind only.

    Args:
        redis: the Valkey of the kind `valkey`.
    """
    match state.kind:
        case "memory":
            from . import in_memory

            return in_memory.stores()
        case "dynamodb":
            from . import dynamodb

            return dynamodb.stores(state)
        case "firestore":
            from . import firestore

            return firestore.stores(state)
        case "azure-tables":
            from . import azure_tables

            return azure_tables.stores(state)
        case "valkey":
            from . import valkey

            assert redis is not None  # validated by Config
            return valkey.stores(state, redis)
