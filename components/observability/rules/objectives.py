"""Alerts on the objectives: how fast the errors that they allow are being used up.

The objectives hold for 30 days. A burn rate of 1 uses up the allowed errors in exactly that time.
An alert needs a high rate in a long window, so that few errors do not fire it, and in a short one,
so that it ends soon after the errors do ("The Site Reliability Workbook", chapter 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...mcp.objectives import FAST, SLOW, Burn
from .alert import Alert, RecordingRule, Scope, Severity
from .options import RuleOptions
from .servers import NOT_A_REQUEST

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
PLATFORM: Final = "platform"
"""Level of what is measured over all servers."""
NO_SERVER: Final = 'route!~"redirect|other|/health"'
"""Routes of the gateway that lead to no server."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveSeries:
    """What an objective is measured by.

    Attributes:
        level: label that names the server: ``route`` at the gateway, else ``job``.
        requests, failed: matched series of counters.
        timed, fast: matched series of a histogram: its count, and its bucket of the objective.
    """

    level: str
    requests: str
    failed: str
    timed: str
    fast: str


def objective_series(options: RuleOptions) -> ObjectiveSeries | None:
    """At the gateway, as clients see it; in the servers if the gateway exports nothing."""
    bound = f'le="{float(options.objectives.latency_seconds)}"'
    if options.gateway is not None:
        of = f'{options.within},kind="request",{NO_SERVER}'
        return ObjectiveSeries(
            level="route",
            requests=f"mcp_gateway_requests_total{{{of}}}",
            failed=f'mcp_gateway_requests_total{{{of},status=~"5.."}}',
            timed=f"mcp_gateway_request_duration_seconds_count{{{of}}}",
            fast=f"mcp_gateway_request_duration_seconds_bucket{{{of},{bound}}}",
        )
    if not options.exporting:
        return None
    http = f'{options.within},route="/mcp"'
    mcp = f"{options.within},{NOT_A_REQUEST}"
    return ObjectiveSeries(
        level="job",
        requests=f"http_requests_total{{{http}}}",
        failed=f'http_requests_total{{{http},status=~"5.."}}',
        timed=f"mcp_request_duration_seconds_count{{{mcp}}}",
        fast=f"mcp_request_duration_seconds_bucket{{{mcp},{bound}}}",
    )


def _name(level: str, what: str, window: str) -> str:
    return f"{level}:mcp_requests:{what}_ratio_rate{window}"


def recorded(options: RuleOptions) -> Iterator[RecordingRule]:
    """The shares of failed and of slow requests in each window, per server and of all."""
    found = objective_series(options)
    if found is None:
        return
    for window in WINDOWS:
        for level, by in ((found.level, f" by ({found.level})"), (PLATFORM, "")):
            requests, failed, timed, fast = (
                f"sum{by} (rate({series}[{window}]))"
                for series in (found.requests, found.failed, found.timed, found.fast)
            )
            yield RecordingRule(
                name=_name(level, "error", window),
                expression=f"({failed} or 0 * {requests}) / ({requests} > 0)",
            )
            yield RecordingRule(
                name=_name(level, "slow", window), expression=f"1 - {fast} / ({timed} > 0)"
            )


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Fast and slow burn of both objectives, per server and of the platform."""
    found = objective_series(options)
    if found is None:
        return
    objectives = options.objectives
    for name, what, percent, said in (
        (
            *("AvailabilityBudget", "error", objectives.availability_percent),
            f"{objectives.availability_percent:g} % of the requests do not fail",
        ),
        (
            *("LatencyBudget", "slow", objectives.latency_percent),
            f"{objectives.latency_percent:g} % of the requests take at most "
            f"{objectives.latency_seconds:g} s",
        ),
    ):
        for ending, burns, severity, duration, when in _SPEEDS:
            for level in (found.level, PLATFORM):
                whose = "the platform" if level == PLATFORM else f"{{{{ $labels.{level} }}}}"
                yield _alert(
                    name + ending,
                    severity=severity,
                    scope="platform" if level == PLATFORM else "server",
                    duration=duration,
                    expression=_burning(level, what, burns, 1 - percent / 100, options.own),
                    summary=f"The objective that {said} is in danger",
                    description="{{ $value | humanizePercentage }} of the requests of "
                    f"{whose} miss the objective. At this rate {when}.",
                )


_SPEEDS: Final[tuple[tuple[str, tuple[Burn, ...], Severity, str, str], ...]] = (
    (
        "BurnsFast",
        FAST,
        "critical",
        "2m",
        "all that is allowed in 30 days is used up within 5 days",
    ),
    ("BurnsSlowly", SLOW, "warning", "15m", "it is missed after 30 days"),
)


def _burning(level: str, what: str, burns: tuple[Burn, ...], allowed: float, own: str) -> str:
    """The share in the long window, where both windows have too high a rate."""

    def share(window: str) -> str:
        return f"{_name(level, what, window)}{{{own}}}"

    each = (
        f"({share(burn.long)} > {burn.rate * allowed:.6g}"
        f" and {share(burn.short)} > {burn.rate * allowed:.6g})"
        for burn in burns
        # A share cannot exceed 1: a lax objective has no such burn rate.
        if burn.rate * allowed < 1
    )
    return " or ".join(each) or f"{share(burns[-1].long)} >= 1"


def _alert(
    name: str,
    *,
    severity: Severity,
    scope: Scope,
    duration: str,
    expression: str,
    summary: str,
    description: str,
) -> Alert:
    return Alert(
        name=name,
        severity=severity,
        team="platform" if scope == "platform" else "servers",
        scope=scope,
        expression=expression,
        duration=duration,
        summary=summary,
        description=description,
        dashboard="overview",
    )
