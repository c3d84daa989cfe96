"""Sends a bounded number of MCP requests at a steady rate, and measures each."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import anyio
import httpx2
from mcp import Client
from mcp.shared.exceptions import MCPError

from components.base.problems import Problem, ProblemReport

from .mcp_client import Endpoint, Era, connected, text_of

SHOWN_FAILURES: Final = 3
SHOWN_LETTERS: Final = 200
ANSWER_SECONDS: Final = 30.0
"""A request without an answer in this time has failed."""
_LIMITED: Final = ("429", "Too Many Requests", "try again later")
"""What the gateway and servers say when a limit refuses a request."""


class Outcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    TOOL_ERROR = "tool error"
    LIMITED = "refused by a limit"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class LoadAmount:
    """How much is sent.

    Attributes:
        rate: requests that are begun in a second, by all clients together.
        clients: connections; each has one request at a time.
        seconds: how long requests are begun.
    """

    rate: float
    clients: int
    seconds: float

    @property
    def requests(self) -> int:
        """How many requests are begun, if the clients can keep up."""
        return max(1, math.floor(self.rate * self.seconds))


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent, and how much of it.

    Attributes:
        tool: name of the tool to call; None: the list of tools is asked for.
        arguments: of the tool.
    """

    tool: str | None
    arguments: dict[str, Any]
    amount: LoadAmount


@dataclass
class LoadResult:
    """What came of a load.

    Attributes:
        outcomes: how many requests ended in each way.
        seconds: of each answered request, from the time when it was due to its answer: one that
            waits for a free client counts from the beginning of its wait.
        not_begun: requests that were due while every client waited for an answer.
        failures: texts of the first failures.
        tool_errors: texts of the first errors of the tool.
        duration: seconds from the first request to the last answer.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter[Outcome])
    seconds: list[float] = field(default_factory=list[float])
    not_begun: int = 0
    failures: list[str] = field(default_factory=list[str])
    tool_errors: list[str] = field(default_factory=list[str])
    duration: float = 0

    @property
    def begun(self) -> int:
        return self.outcomes.total()

    def add(self, outcome: Outcome, since: float, said: str) -> None:
        """Count a request that was due at ``since``, and what was said against it."""
        self.outcomes[outcome] += 1
        if outcome in (Outcome.ANSWERED, Outcome.TOOL_ERROR):
            self.seconds.append(time.monotonic() - since)
        texts = self.tool_errors if outcome is Outcome.TOOL_ERROR else self.failures
        if outcome is not Outcome.ANSWERED and len(texts) < SHOWN_FAILURES and said not in texts:
            texts.append(said)

    def quantile(self, share: float) -> float | None:
        """The time within which a share of the answered requests were answered."""
        ordered = sorted(self.seconds)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


async def run(load: Load, endpoints: Sequence[Endpoint], era: Era, measured: LoadResult) -> None:
    """Connect every client, then send the load; ``measured`` is filled as answers come.

    Args:
        endpoints: of the clients, one each.

    Raises:
        ProblemReport: a client cannot connect at the beginning.
    """
    schedule = _Schedule(load.amount, len(endpoints))
    try:
        async with anyio.create_task_group() as group:
            for endpoint in endpoints:
                group.start_soon(_client, load, endpoint, era, measured, schedule)
        measured.not_begun = load.amount.requests - measured.begun
    except* ProblemReport as several:
        raise ProblemReport(dict.fromkeys(_problems(several))) from several
    finally:
        measured.duration = time.monotonic() - schedule.start if schedule.start else 0


def _problems(group: ExceptionGroup[ProblemReport]) -> Iterator[Problem]:
    for one in group.exceptions:
        if isinstance(one, ProblemReport):
            yield from one.problems
        else:
            yield from _problems(one)


class _Schedule:
    """When each request is due, from the moment at which all clients are connected."""

    def __init__(self, amount: LoadAmount, clients: int) -> None:
        self._amount = amount
        self._missing = clients
        self._all = anyio.Event()
        self._due = iter(range(amount.requests))
        self.start = 0.0

    async def connected(self) -> None:
        """Wait until the other clients have connected for the first time."""
        if self.start:
            return
        self._missing -= 1
        if self._missing == 0:
            self.start = time.monotonic()
            self._all.set()
        await self._all.wait()

    async def next(self) -> float | None:
        """Wait until a request is due, and return that moment; None if there is none left."""
        number = next(self._due, None)
        if number is None or time.monotonic() > self.start + self._amount.seconds:
            return None
        due = self.start + number / self._amount.rate
        await anyio.sleep(max(0, due - time.monotonic()))
        return due


async def _client(
    load: Load, endpoint: Endpoint, era: Era, measured: LoadResult, schedule: _Schedule
) -> None:
    """Send requests as they are due, and connect again whenever the connection ends."""
    while True:
        try:
            async with connected(endpoint, era) as client:
                await client.list_tools()  # the client needs the tool's schema
                await schedule.connected()
                while (since := await schedule.next()) is not None:
                    outcome, said = await _request(client, load, endpoint.seconds)
                    measured.add(outcome, since, said)
                return
        except ProblemReport as lost:
            if not schedule.start:
                raise
            since = await schedule.next()
            if since is None:
                return
            measured.add(Outcome.FAILED, since, lost.problems[0].what)


async def _request(client: Client, load: Load, seconds: float) -> tuple[Outcome, str]:
    """One request, and what was said against it."""
    try:
        with anyio.fail_after(seconds):
            if load.tool is None:
                await client.list_tools()
                return Outcome.ANSWERED, ""
            result = await client.call_tool(load.tool, load.arguments)
            if result.is_error:
                return Outcome.TOOL_ERROR, " ".join(text_of(result).split())[:SHOWN_LETTERS]
            return Outcome.ANSWERED, ""
    except TimeoutError:
        return Outcome.FAILED, f"no answer within {seconds:g} s"
    except (MCPError, httpx2.HTTPError, anyio.ClosedResourceError) as failure:
        said = str(failure) or type(failure).__name__
        limited = any(sign in said for sign in _LIMITED)
        return (Outcome.LIMITED if limited else Outcome.FAILED), said
