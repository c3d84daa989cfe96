"""The ASGI application in a process that a cloud's host program starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from mcp.server.lowlevel import Server
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from ..application import application
from ..config import Config, StateSection, load_environment
from ..endpoint import Application
from ..logs import configure, event
from ..state import Stores
from ..stores import stores_of
from ..toml_config import ConfigError
from .own_code import own_server


class HostedApplication:
    """An ASGI application whose lifespan starts with the first request and ends with the process.

    A function host sends requests, but no signal at the start or the end of the process. Another
    instance may get the next request, so sessions are always kept in a store.
    """

    def __init__(self, config: Config, own: Server[Any] | None = None) -> None:
        self.config = config
        self.stores: Stores = stores_of(config.state or StateSection(), config.redis)
        self.parts: Application = application(config, self.stores.sessions, own)
        self.app: ASGIApp = self.parts.public
        self.living: asyncio.Task[None] | None = None
        self.begun = asyncio.Event()

    @classmethod
    def of_environment(cls, logs: Sequence[logging.Handler] = ()) -> HostedApplication:
        """Build it from environment variables and the archive, with logs to `logs` or stderr.

        Raises `ConfigError`, and `StartError` if the archive's own code is no server.
        """
        config = load_environment()
        if absent := config.absent():
            raise ConfigError("QUDAG_MCP_CONFIG", absent)
        configure(config, logs)
        return cls(config, own_server())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.live()
        await self.app(scope, receive, send)

    async def live(self) -> None:
        """Start the lifespan unless it is running; raises the error of a failed start."""
        if self.living is None:
            self.living = asyncio.create_task(self._live(self.parts.public))
        begun = asyncio.ensure_future(self.begun.wait())
        await asyncio.wait([self.living, begun], return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            begun.cancel()
            self.living.result()

    async def _live(self, public: Starlette) -> None:
        async with public.router.lifespan_context(public):
            event("serving", era=self.config.protocol.era)
            self.begun.set()
            await asyncio.Event().wait()
