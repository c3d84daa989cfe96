"""Empty stores of every kind, each over what stands for its cloud on this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from unittest import mock

from runtime.state import Stores

from .dynamodb import CREDENTIALS, REGION, create_table


@dataclass
class Clock:
    """Seconds since the epoch, as the test has them."""

    now: float

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def memory(clock: Clock) -> Generator[Stores]:
    from runtime.stores.memory import MemoryConnections, MemorySessions

    yield Stores(MemorySessions(clock), MemoryConnections(clock))


@contextlib.contextmanager
def dynamodb(clock: Clock) -> Generator[Stores]:
    """moto, with the tables that the AWS component makes."""
    from moto import mock_aws

    from components.functions.tables import CONNECTIONS, SESSIONS
    from runtime.stores.dynamodb import Calls, DynamoConnections, DynamoSessions

    with mock_aws(), mock.patch.dict(os.environ, CREDENTIALS):
        call = Calls(REGION)
        create_table(call.client, "sessions", SESSIONS)
        create_table(call.client, "connections", CONNECTIONS)
        yield Stores(
            DynamoSessions(call, "sessions", clock), DynamoConnections(call, "connections", clock)
        )


_OPENERS: Mapping[str, Callable[[Clock], contextlib.AbstractContextManager[Stores]]] = {
    "memory": memory,
    "dynamodb": dynamodb,
}
KINDS = tuple(_OPENERS)


def opened(kind: str, clock: Clock) -> contextlib.AbstractContextManager[Stores]:
    """Stores of this kind for as long as the block lasts; skips where its stand-in is missing."""
    return _OPENERS[kind](clock)
