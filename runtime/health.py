"""Liveness, readiness and the state of dependencies.

`/health` checks no dependency, because a restart does not repair a database. `/ready` answers 503
before the start and from SIGTERM on. It stays 200 while a dependency is down: all replicas share
the dependency, so failing readiness would turn an outage of two tools into an outage of all. Not so
for a program that runs beside each replica, without which that replica serves nothing. The state of
each dependency is in the body of `/ready` and in the metric `mcp_dependency_up`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from .drain import Drain
from .logs import event
from .metrics import Metrics

CHECK_EVERY_SECONDS = 10
CHECK_WITHIN_SECONDS = 3
CHECK_NEEDED_EVERY_SECONDS = 2

Check = Callable[[], Awaitable[None]]


@dataclass
class Health:
    """State of this process and of its dependencies.

    Attributes:
        checks: by dependency, a coroutine that raises if the dependency does not answer.
        on_demand: like `checks`, but run only by `look`. Regular checks would load a client
            library at the start and cost money per request.
        needed: those of `checks` without which nothing can be served.
        reachable: by dependency, the result of the last check; absent before the first.
    """

    drain: Drain
    metrics: Metrics
    checks: dict[str, Check]
    on_demand: dict[str, Check] = field(default_factory=dict[str, Check])
    needed: frozenset[str] = frozenset()
    started: bool = False
    reachable: dict[str, bool] = field(default_factory=dict[str, bool])

    def routes(self) -> list[Route]:
        """Routes of the probes `/health` and `/ready`."""
        return [Route("/health", self.health), Route("/ready", self.ready)]

    async def health(self, _: Request) -> JSONResponse:
        """Handle `GET /health`: 200 as long as the process answers."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _: Request) -> JSONResponse:
        """Handle `GET /ready`: 200 if the server accepts traffic, else 503."""
        state = self.state()
        return JSONResponse(state, 200 if state["status"] == "ready" else 503)

    def state(self) -> dict[str, Any]:
        """The body of `/ready`: status and the last result for each dependency."""
        if self.drain.draining:
            return {"status": "draining"}
        if not self.started:
            return {"status": "starting"}
        words = {True: "reachable", False: "unreachable", None: "unknown"}
        known = [*self.checks, *(name for name in self.on_demand if name in self.reachable)]
        dependencies = {name: words[self.reachable.get(name)] for name in known}
        status = "ready" if self._all_needed() else "waiting"
        return {"status": status, "dependencies": dependencies}

    def _all_needed(self) -> bool:
        return all(self.reachable.get(name, False) for name in self.needed)

    async def watch(self) -> None:
        """Check the dependencies in `checks` at intervals, until cancelled."""
        while self.checks:
            await self._look(self.checks)
            await anyio.sleep(CHECK_NEEDED_EVERY_SECONDS if self.needed else CHECK_EVERY_SECONDS)

    async def look(self) -> None:
        """Check every dependency once, those of `on_demand` included."""
        await self._look(self.checks | self.on_demand)

    async def _look(self, checks: dict[str, Check]) -> None:
        async with anyio.create_task_group() as tasks:
            for name, check in checks.items():
                tasks.start_soon(self._check, name, check)

    async def _check(self, name: str, check: Check) -> None:
        failure: str | None = "no answer"
        try:
            with anyio.move_on_after(CHECK_WITHIN_SECONDS):
                await check()
                failure = None
        except Exception as error:  # any exception of a driver counts as no answer
            failure = type(error).__name__
        reachable = failure is None
        if self.reachable.get(name) is not reachable:
            level = logging.INFO if reachable else logging.WARNING
            event("dependency", level, dependency=name, reachable=reachable, failure=failure)
        self.reachable[name] = reachable
        self.metrics.dependency_up.labels(name).set(reachable)
