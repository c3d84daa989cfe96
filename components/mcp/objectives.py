"""What servers promise their clients, and how fast the errors that it allows may be used up.

Rules of Prometheus and alarms of clouds are made of the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LATENCY_BOUNDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Bounds in seconds that histograms of servers and of the gateway have: an objective is one."""


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """What the platform promises its clients.

    Attributes:
        availability_percent: share of requests that do not fail with 5xx.
        latency_seconds: of ``latency_percent`` of the requests; one of ``LATENCY_BOUNDS``.
        latency_percent: share of requests that are as fast.
    """

    availability_percent: float = 99.9
    latency_seconds: float = 2.5
    latency_percent: float = 95.0


@dataclass(frozen=True, kw_only=True)
class Burn:
    """A burn rate that is too high, with its windows.

    Attributes:
        rate: how many times as fast as the objective allows.
        long, short: windows, both of which must have the rate.
    """

    rate: float
    long: str
    short: str


FAST: Final = (Burn(rate=14.4, long="1h", short="5m"), Burn(rate=6, long="6h", short="30m"))
"""2 % of the allowed errors in an hour, or 5 % in six."""
SLOW: Final = (Burn(rate=3, long="1d", short="2h"), Burn(rate=1, long="3d", short="6h"))
"""10 % of the allowed errors in a day, or in three."""
