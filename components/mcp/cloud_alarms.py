"""Objectives and thresholds as the alarms of a cloud need them: windows in seconds, and shares.

The objectives, burn rates and windows are those of the rules on Kubernetes (`objectives.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from .objectives import FAST, SLOW, Burn, Objectives

_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}

Objective = Literal["availability", "latency"]
CloudSeverity = Literal["critical", "warning"]


@dataclass(frozen=True, kw_only=True)
class CloudThresholds:
    """Values at which alarms of servers and data stores in a cloud are raised.

    Attributes:
        resource_percent: use of CPU, and of a server's or a cache's memory, in percent (S3).
        connections_percent: of the connections that a database accepts (S4).
        storage_percent: use of a database's storage.
        concurrency_percent: of the calls at once that a function may have, or of the instances.
        replication_lag_seconds: how far a replica is behind.
        limited_per_second: requests that are refused with 429.
    """

    resource_percent: float = 80
    connections_percent: float = 90
    storage_percent: float = 90
    concurrency_percent: float = 80
    replication_lag_seconds: float = 30
    limited_per_second: float = 1


@dataclass(frozen=True, kw_only=True)
class Window:
    """A time and the share of requests above which it misses the objective too fast.

    Attributes:
        name: such as 5m or 3d.
        seconds: its length.
        above: share of the requests, from 0 to 1.
    """

    name: str
    seconds: int
    above: float


@dataclass(frozen=True, kw_only=True)
class BurnAlarm:
    """An alarm on how fast the errors that an objective allows are used up.

    Attributes:
        objective: which requests miss it: those that fail, or those that are slow.
        name: such as availability-burns-fast.
        severity: critical if it burns fast, else warning.
        pairs: long and short windows; it is raised where both of any pair are above their share.
        description: what the objective is.
    """

    objective: Objective
    name: str
    severity: CloudSeverity
    pairs: tuple[tuple[Window, Window], ...]
    description: str


_SPEEDS: Final[tuple[tuple[str, tuple[Burn, ...], CloudSeverity], ...]] = (
    ("fast", FAST, "critical"),
    ("slowly", SLOW, "warning"),
)


def burn_alarms(objectives: Objectives) -> Iterator[BurnAlarm]:
    """Fast and slow burn of both objectives, as on Kubernetes.

    A pair whose share would be 1 or more is left out: an objective that lax has no such burn rate.
    """
    for objective, percent, said in _promised(objectives):
        allowed = 1 - percent / 100
        for ending, burns, severity in _SPEEDS:
            pairs = tuple(
                (_window(burn.long, burn, allowed), _window(burn.short, burn, allowed))
                for burn in burns
                if burn.rate * allowed < 1
            )
            if pairs:
                yield BurnAlarm(
                    objective=objective,
                    name=f"{objective}-burns-{ending}",
                    severity=severity,
                    pairs=pairs,
                    description=f"The objective that {said} is in danger",
                )


def _promised(objectives: Objectives) -> Iterator[tuple[Objective, float, str]]:
    yield (
        "availability",
        objectives.availability_percent,
        f"{objectives.availability_percent:g} % of the requests do not fail",
    )
    yield (
        "latency",
        objectives.latency_percent,
        f"{objectives.latency_percent:g} % of the requests take at most "
        f"{objectives.latency_seconds:g} s",
    )


def _window(name: str, burn: Burn, allowed: float) -> Window:
    share = float(f"{burn.rate * allowed:.6g}")
    return Window(name=name, seconds=int(name[:-1]) * _SECONDS[name[-1]], above=share)
