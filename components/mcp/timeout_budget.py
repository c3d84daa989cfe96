"""One number, the longest tool call, and every timeout along the way that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ..base.arg_types import DrainSeconds, ToolSeconds
from ..base.problems import Problem

STEP = 5
"""Seconds by which a hop outlives the one behind it, so that the error comes from the tool."""

ENDPOINT_PROPAGATION = 5
"""Seconds that a stopping pod still serves while proxies learn that it has left."""


class Distance(IntEnum):
    """How many proxies stand between a hop and the tool."""

    SERVER = 0
    GATEWAY = 1
    EDGE = 2


@dataclass(frozen=True, kw_only=True)
class Hop:
    """What one hop is given, in seconds.

    Attributes:
        timeout: the longest it waits for the hop behind it (the server: for the tool).
        pre_stop: it goes on as before after being told to stop; the hop behind it a little longer.
        drain: the calls it has accepted may take this long to finish.
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
        drain: time a stopping server gives its calls; derived when None.
    """

    longest_tool: ToolSeconds = 60
    drain: DrainSeconds | None = None

    def refusals(self) -> list[Problem]:
        """A drain in which the longest tool call could not end."""
        if self.drain is None or self.drain > self.longest_tool:
            return []
        return [
            Problem(
                "drain",
                f"is {self.drain} s, but a tool may run {self.longest_tool} s",
                "calls in flight would be cut at every rollout",
                f"leave it out, or set at least {self.longest_tool + STEP}",
            )
        ]

    def at(self, distance: Distance) -> Hop:
        """The hop at ``distance`` from the tool: its timeout and drain exceed those behind it."""
        outlives = STEP * distance
        drain = (self.drain or self.longest_tool + STEP) + outlives
        # A proxy leaves first: the server behind it goes on until no new call can arrive.
        pre_stop = ENDPOINT_PROPAGATION + (Distance.EDGE - distance)
        return Hop(
            timeout=self.longest_tool + outlives,
            pre_stop=pre_stop,
            drain=drain,
            grace=pre_stop + drain + STEP,
        )
