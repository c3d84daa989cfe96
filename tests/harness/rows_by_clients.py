"""Clients that write and read rows of a platform until they are told to stop."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

import anyio

from components.base.problems import ProblemReport
from delivery.mcp_client import Era, connected
from tests.harness.deployed_platform import Platform
from tests.harness.server import text_of

CALLERS: Final = (Era.MODERN, Era.MODERN, Era.LEGACY)
SECONDS_BETWEEN_CALLS: Final = 0.2


@dataclass
class Calls:
    """Clients of the official SDK that write and read rows until they are told to stop.

    Attributes:
        answered: calls with the right answer.
        lost: what became of each other call.
    """

    platform: Platform
    stop: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    lost: list[str] = field(default_factory=list[str])

    def run(self) -> None:
        anyio.run(self._run)

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            for number, era in enumerate(CALLERS):
                group.start_soon(self._call, number, era)

    async def _call(self, number: int, era: Era) -> None:
        while not self.stop.is_set():
            try:
                endpoint = self.platform.endpoint(subject=f"caller-{number}")
                async with connected(endpoint, era) as client:
                    await self._rows(client, number)
            except (ProblemReport, OSError) as failure:
                self.lost.append(str(failure))
                await anyio.sleep(1)

    async def _rows(self, client: Any, number: int) -> None:
        row = {"name": f"row of {number}"}
        while not self.stop.is_set():
            text = f"{number} at {self.answered}"
            for tool, arguments in (("remember", {**row, "text": text}), ("recall", row)):
                result = await client.call_tool(tool, arguments)
                if result.is_error or (tool == "recall" and text_of(result) != text):
                    self.lost.append(f"{tool}: {text_of(result)}")
                else:
                    self.answered += 1
                await anyio.sleep(SECONDS_BETWEEN_CALLS)
