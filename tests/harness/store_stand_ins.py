"""Empty session stores of every kind: over an emulator of its cloud, or a real Valkey."""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from runtime.redis_config import RedisSection
from runtime.state import Stores

from . import emulators, valkey
from .certificates import Authority
from .dynamodb import CREDENTIALS, REGION, create_table


@dataclass
class Clock:
    """A clock that the test sets, in seconds since the epoch."""

    now: float

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def memory(clock: Clock) -> Generator[Stores]:
    from runtime.stores.in_memory import InMemoryConnections, InMemorySessions

    yield Stores(InMemorySessions(clock), InMemoryConnections(clock))


@contextlib.contextmanager
def dynamodb(clock: Clock) -> Generator[Stores]:
    """Stores over moto's DynamoDB, with the tables of the AWS component."""
    from moto import mock_aws

    from components.aws.session_tables import CONNECTIONS, SESSIONS
    from runtime.stores.dynamodb import DynamoConnections, DynamoDb, DynamoSessions

    with mock_aws(), mock.patch.dict(os.environ, CREDENTIALS):
        call = DynamoDb(REGION)
        create_table(call.client, "sessions", SESSIONS)
        create_table(call.client, "connections", CONNECTIONS)
        yield Stores(
            DynamoSessions(call, "sessions", clock), DynamoConnections(call, "connections", clock)
        )


@contextlib.contextmanager
def firestore(clock: Clock) -> Generator[Stores]:
    """Stores over the Firestore emulator, in a new project."""
    from runtime.stores.firestore import Database, FirestoreConnections, FirestoreSessions

    from .firestore import TOKEN, rest

    async def token(_: Any) -> str:
        return TOKEN

    with rest(_standing(emulators.firestore)) as url:
        database = Database(f"project-{uuid.uuid4().hex}", "(default)", url, token)
        yield Stores(FirestoreSessions(database, clock), FirestoreConnections(database, clock))


@contextlib.contextmanager
def azure_tables(clock: Clock) -> Generator[Stores]:
    """Stores over Azurite, in two new tables."""
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.data.tables import TableServiceClient

    from runtime.stores.azure_tables import Table, TableConnections, TableSessions

    endpoint = _standing(emulators.azurite)
    account = AzureNamedKeyCredential(*_AZURITE_ACCOUNT)
    service: Any = TableServiceClient(endpoint, credential=account)
    tables = [
        Table(endpoint, f"{kind}{uuid.uuid4().hex}", lambda: account)
        for kind in ("sessions", "connections")
    ]
    for table in tables:
        service.create_table(table.name)
    yield Stores(TableSessions(tables[0], clock), TableConnections(tables[1], clock))


@contextlib.contextmanager
def in_valkey(clock: Clock) -> Generator[Stores]:
    """Stores over a real Valkey or Redis, with new keys."""
    from runtime.stores.in_memory import InMemoryConnections
    from runtime.stores.valkey import ValkeySessions

    redis = RedisSection.model_validate_json(_standing(_valkey))
    sessions = ValkeySessions(redis, f"{uuid.uuid4().hex}:", clock)
    yield Stores(sessions, InMemoryConnections(clock))


@contextlib.contextmanager
def _valkey() -> Generator[str]:
    """The section `[redis]` of a server of its own, as JSON."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        with valkey.running(path, Authority.at(path)) as server:
            yield RedisSection.model_validate(server.section()).model_dump_json()


_AZURITE_ACCOUNT = (
    "devstoreaccount1",
    # Not a secret: the same in every Azurite, from its documentation.
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
)
_stand_ins = contextlib.ExitStack()
atexit.register(_stand_ins.close)


@cache
def _standing(begin: Callable[[], contextlib.AbstractContextManager[str]]) -> str:
    """Start an emulator that all tests of this process share."""
    return _stand_ins.enter_context(begin())


_OPENERS: Mapping[str, Callable[[Clock], contextlib.AbstractContextManager[Stores]]] = {
    "memory": memory,
    "dynamodb": dynamodb,
    "firestore": firestore,
    "azure-tables": azure_tables,
    "valkey": in_valkey,
}
KINDS = tuple(_OPENERS)


def opened(kind: str, clock: Clock) -> contextlib.AbstractContextManager[Stores]:
    """Empty stores of this kind; skips the test if the emulator is missing."""
    return _OPENERS[kind](clock)
