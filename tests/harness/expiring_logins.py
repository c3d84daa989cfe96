"""A Valkey whose tokens expire, as those of clouds: the server is real, what ends logins is not.

Between client and server is a relay that closes a connection when the token that it sent last has
expired. The server's password changes with each token.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valkey import Valkey as Client
from valkey.exceptions import ConnectionError

from . import programs
from .server import free_port, until
from .token_services import Answer, Asked

ADMIN = "admin-only-for-tests"
_LOGIN = re.compile(rb"\r\nAUTH\r\n(?:\$\d+\r\n([^\r]+)\r\n)?\$\d+\r\n(ya29\.\d+)\r\n")


@dataclass
class ExpiringLogins:
    """The server, its relay, and the metadata server that gives out the tokens.

    Attributes:
        user: whose password a token is.
        seconds: for which a token can be used.
        expires_at: of each token, in seconds of the monotonic clock.
        logins: number of the tokens that each connection has sent.
        closed: connections that the relay has closed.
        refusing: whether the metadata server gives out none.
    """

    server: int
    user: str
    seconds: float
    port: int = field(default_factory=free_port)
    expires_at: dict[str, float] = field(default_factory=dict[str, float])
    logins: list[int] = field(default_factory=list[int])
    closed: int = 0
    refusing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _: Asked) -> Answer:
        """A new token; the one before it still opens connections, older ones do not."""
        if self.refusing:
            return 503, {"error": "unavailable"}
        with self._lock:
            token = f"ya29.{len(self.expires_at)}"
            valid = [*[*self.expires_at][-1:], token]
            self.ask("ACL", "SETUSER", self.user, "resetpass", *(f">{one}" for one in valid))
            self.expires_at[token] = time.monotonic() + self.seconds
        return 200, {"access_token": token, "expires_in": self.seconds}

    def ask(self, *words: str) -> Any:
        """The server's answer to an administrator; None while it does not listen."""
        client: Any = Client(
            port=self.server, username="admin", password=ADMIN, decode_responses=True
        )
        with contextlib.closing(client), contextlib.suppress(ConnectionError):
            return client.execute_command(*words)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side, or the token, ends it."""
        with contextlib.suppress(asyncio.CancelledError):  # at the end of the test
            await self._relay(reader, writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above_reader, above = await asyncio.open_connection("127.0.0.1", self.server)
        number = len(self.logins)
        self.logins.append(0)
        expiry: asyncio.TimerHandle | None = None

        def expire() -> None:
            self.closed += 1
            writer.close()

        async def up() -> None:
            nonlocal expiry
            while data := await reader.read(65536):
                for login in _LOGIN.finditer(data):
                    self.logins[number] += 1
                    left = self.expires_at[login[2].decode()] - time.monotonic()
                    if expiry is not None:
                        expiry.cancel()
                    expiry = asyncio.get_running_loop().call_later(left, expire)
                above.write(data)

        async def down() -> None:
            while data := await above_reader.read(65536):
                writer.write(data)

        tasks = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        if expiry is not None:
            expiry.cancel()
        writer.close()
        above.close()


@contextlib.contextmanager
def expiring_logins(
    directory: Path, *, user: str = "default", rights: str = "on ~* +@all", seconds: float
) -> Generator[ExpiringLogins]:
    """A running server behind its relay; skips the test where there is no such program.

    Args:
        directory: of its files.
        user: that logs in with tokens.
        rights: of the user, without a password.
        seconds: for which a token can be used.
    """
    program, port = programs.required("valkey-server", "redis-server"), free_port()
    configuration = directory / "expiring.conf"
    every = {"admin": f"on >{ADMIN} +@all ~*", "default": "off", user: f"resetpass {rights}"}
    users = [f"user {name} {how}" for name, how in every.items()]
    configuration.write_text("\n".join([f"port {port}", "bind 127.0.0.1", 'save ""', *users, ""]))
    process = subprocess.Popen(
        [program, str(configuration)],
        cwd=directory,
        env=programs.environment(),
        stdout=subprocess.DEVNULL,
    )
    logins = ExpiringLogins(port, user, seconds)
    loop = asyncio.new_event_loop()

    async def listen() -> None:
        await asyncio.start_server(logins.relay, "127.0.0.1", logins.port)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        until(lambda: logins.ask("PING") is True)
        asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
        yield logins
    finally:
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        process.kill()
        process.wait()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
