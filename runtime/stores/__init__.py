"""The stores of sessions and connections: one module a kind, imported only when it is used."""

from __future__ import annotations

from ..config import StateSection
from ..state import Stores


def stores_of(state: StateSection) -> Stores:
    """The stores that `state` names; only the client library of that kind is imported."""
    match state.kind:
        case "memory":
            from . import memory

            return memory.stores()
        case "dynamodb":
            from . import dynamodb

            return dynamodb.stores(state)
        case "firestore":
            from . import firestore

            return firestore.stores(state)
        case "azure-tables":
            from . import azure_tables

            return azure_tables.stores(state)
