"""Connects to PostgreSQL while its password is being replaced.

A changed file and the database user's password are never changed at the same moment: the last
password that worked is tried where the one in the file is refused.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_WORKED: dict[tuple[Any, ...], Any] = {}
"""The last password that worked, by host, port and user. In memory alone."""


@cache
def connection_class() -> type[psycopg.AsyncConnection[Any]]:
    """Connections that try the last password that worked, if another one is refused.

    psycopg takes 50 ms to import, so it is imported only where a database is configured.
    """
    import psycopg

    class Connection(psycopg.AsyncConnection[Any]):
        @classmethod
        async def connect(cls, conninfo: str = "", **options: Any) -> Any:
            to = tuple(options.get(name) for name in ("host", "port", "user"))
            password, worked = options.get("password"), _WORKED.get(to)
            try:
                made = await super().connect(conninfo, **options)
            except psycopg.OperationalError as error:
                # A connection that is refused has no error code yet.
                refused = "authentication failed" in str(error)
                if worked is None or worked == password or not refused:
                    raise
                return await super().connect(conninfo, **{**options, "password": worked})
            if password is not None:
                _WORKED[to] = password
            return made

    return Connection
