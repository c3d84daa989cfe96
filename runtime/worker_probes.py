"""The probes and metrics of a server with several worker processes, answered by their parent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .worker_link import Report, Worker
from .worker_metrics import Families, WorkerMetrics

ANSWERS_WITHIN_SECONDS: Final = 1.0
"""How long a probe or scrape waits for a worker; shorter than the time limit of a probe."""
WORST_FIRST: Final = ("unreachable", "unknown", "reachable")


class WorkerProbes:
    """The handlers of `/health`, `/ready` and `/metrics`, which ask all workers.

    Attributes:
        workers: those that run, by number; changed by the caller.
        configured: how many there should be.
        replaced: counts workers that have been replaced.
    """

    def __init__(self, workers: Mapping[int, Worker], configured: int) -> None:
        self.workers = workers
        self.configured = configured
        own = CollectorRegistry()
        disable_created_metrics()  # as in the workers
        ProcessCollector(registry=own)
        PlatformCollector(registry=own)
        running = Gauge("mcp_workers", "Worker processes that run.", registry=own)
        running.set_function(lambda: len(workers))
        self.replaced = Counter(
            "mcp_workers_replaced", "Worker processes that have been replaced.", registry=own
        )
        self.totals = WorkerMetrics(own, self._families)
        self.probes = Starlette(routes=[Route("/health", self.health), Route("/ready", self.ready)])
        self.metrics = Starlette(routes=[Route("/metrics", self.scraped)])

    async def health(self, _: Request) -> JSONResponse:
        """200 as long as the parent answers; it replaces workers that do not."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _: Request) -> JSONResponse:
        """200 if a worker says that it is ready."""
        state = ready_state(await self._reports(), self.configured)
        return JSONResponse(state, 200 if state["status"] == "ready" else 503)

    async def scraped(self, _: Request) -> Response:
        """The combined metrics; of a worker that does not answer, its last ones."""
        await self._reports()
        return Response(generate_latest(self.totals), media_type=CONTENT_TYPE_LATEST)

    async def _reports(self) -> list[Report]:
        """What the workers that answer say now."""
        asked = list(self.workers.values())
        answered = await asyncio.gather(*(one.ask(ANSWERS_WITHIN_SECONDS) for one in asked))
        return [
            worker.report
            for worker, did in zip(asked, answered, strict=True)
            if did and worker.report is not None
        ]

    def _families(self) -> Iterable[Families]:
        return [
            worker.report.families for worker in self.workers.values() if worker.report is not None
        ]


def ready_state(reports: Collection[Report], configured: int) -> dict[str, Any]:
    """The body of `/ready`: the status, and the worst state of each dependency."""
    ready = [report.state for report in reports if report.ready]
    counts = {"ready": len(ready), "configured": configured}
    if not ready:
        draining = any(report.state["status"] == "draining" for report in reports)
        return {"status": "draining" if draining else "starting", "workers": counts}
    words: dict[str, set[str]] = {}
    for state in ready:
        for name, word in state["dependencies"].items():
            words.setdefault(name, set()).add(word)
    dependencies = {name: min(found, key=WORST_FIRST.index) for name, found in words.items()}
    return {"status": "ready", "dependencies": dependencies, "workers": counts}
