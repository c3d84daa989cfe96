"""Computes every timeout between client and tool from the longest tool call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ..base.arg_types import DrainSeconds, ToolSeconds
from ..base.problems import Problem

STEP = 5
"""Seconds by which a proxy waits longer than its upstream, which reports the timeout first."""

ENDPOINT_PROPAGATION = 5
"""Seconds that a stopping pod still serves, until proxies have removed it."""

FINAL_SCRAPE_SECONDS = 65
"""Seconds that a server waits for the last scrape after its drain has cancelled calls. Prometheus
scrapes every 30 s; `observability.scrapeSeconds` is at most 60."""


class Distance(IntEnum):
    """Number of proxies between a server or proxy and the tool."""

    SERVER = 0
    GATEWAY = 1
    EDGE = 2


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """The timeouts of one server or proxy, in seconds.

    Attributes:
        timeout: longest wait for its upstream (the server: for the tool).
        pre_stop: time between the start of termination and SIGTERM; its upstream has more.
        drain: time in which it finishes the calls that it has accepted.
        grace: Kubernetes' terminationGracePeriodSeconds: pre_stop and drain, and a step to exit.
    """

    timeout: int
    pre_stop: int
    drain: int
    grace: int


@dataclass(frozen=True, kw_only=True)
class TimeoutBudget:
    """The longest tool call, in seconds, and what is derived from it.

    Attributes:
        longest_tool: longest that one tool call may run.
        drain: seconds in which a stopping server finishes its calls; None: derived.
    """

    longest_tool: ToolSeconds = 60
    drain: DrainSeconds | None = None

    def refusals(self) -> list[Problem]:
        """A problem if the drain is shorter than the longest tool call."""
        if self.drain is None or self.drain > self.longest_tool:
            return []
        return [
            Problem(
                "drain",
                f"is {self.drain} s, but a tool may run {self.longest_tool} s",
                "every rollout would interrupt calls in progress",
                f"leave it out, or set at least {self.longest_tool + STEP}",
            )
        ]

    def at(self, distance: Distance) -> Timeouts:
        """The timeouts at ``distance``; its timeout and drain exceed those of its upstream."""
        outlives = STEP * distance
        drain = (self.drain or self.longest_tool + STEP) + outlives
        # A proxy leaves first: the server behind it goes on until no new call can arrive.
        pre_stop = ENDPOINT_PROPAGATION + (Distance.EDGE - distance)
        return Timeouts(
            timeout=self.longest_tool + outlives,
            pre_stop=pre_stop,
            drain=drain,
            grace=pre_stop + drain + STEP,
        )
