"""Subsections of `observability.alerts`: objectives, and values above which alerts fire."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from components.mcp.objectives import Objectives as OfRules
from components.observability.rules.options import Thresholds as Limits

from .section import Section

_OBJECTIVES = OfRules()
_LIMITS = Limits()


def _percent(default: float, description: str) -> Any:
    return Field(default=default, ge=0.1, le=99.9, description=description)


def _more_than_0(default: float, description: str) -> Any:
    return Field(default=default, ge=0.001, le=1_000_000, description=description)


def _seconds_of_requests(default: float, description: str) -> Any:
    """Below the last bound of the exported histograms: no quantile of theirs is above it."""
    return Field(default=default, ge=0.001, le=299, description=description)


class Objectives(Section):
    """What the platform promises its clients, over 30 days."""

    availability_percent: float = Field(
        default=_OBJECTIVES.availability_percent,
        ge=50,
        le=99.999,
        description="Share of requests that do not fail with 5xx, in percent.",
    )
    latency_seconds: float = Field(
        default=_OBJECTIVES.latency_seconds,
        ge=0.1,
        le=300,
        description="Time that latencyPercent of the requests take at most: 0.1, 0.25, 0.5, 1, "
        "2.5, 5, 10, 30, 60, 120 or 300, the bounds of the exported histograms.",
    )
    latency_percent: float = Field(
        default=_OBJECTIVES.latency_percent,
        ge=50,
        le=99.999,
        description="Share of requests that are as fast, in percent.",
    )


class Thresholds(Section):
    """Values above which alerts fire; the defaults are those of the source documents, if any."""

    tool_errors_per_second: float = _more_than_0(
        _LIMITS.tool_errors_per_second, "Errors of one tool in one pod."
    )
    tool_latency_seconds: float = _seconds_of_requests(
        _LIMITS.tool_latency_seconds, "95th percentile of one tool in one pod."
    )
    server_memory_megabytes: float = _more_than_0(
        _LIMITS.server_memory_megabytes, "Memory of a server in one pod, in MiB."
    )
    error_percent: float = _percent(
        _LIMITS.error_percent, "Share of a server's requests that fail."
    )
    response_seconds: float = _seconds_of_requests(
        _LIMITS.response_seconds, "95th percentile of a server's requests."
    )
    resource_percent: float = _percent(
        _LIMITS.resource_percent, "Use of CPU or memory, of the limit of a pod."
    )
    workflow_failure_percent: float = _percent(
        _LIMITS.workflow_failure_percent, "Share of an orchestration engine's calls that fail."
    )
    agent_response_seconds: float = _seconds_of_requests(
        _LIMITS.agent_response_seconds, "95th percentile of an agent's answers."
    )
    connections_percent: float = _percent(
        _LIMITS.connections_percent, "Open connections, of those that PostgreSQL accepts."
    )
    unauthorized_per_second: float = _more_than_0(
        _LIMITS.unauthorized_per_second, "Answers 401, or 403, of one server."
    )
    limited_per_second: float = _more_than_0(
        _LIMITS.limited_per_second, "Requests that one limit refuses."
    )
    replication_lag_seconds: float = _more_than_0(
        _LIMITS.replication_lag_seconds, "How far a replica of PostgreSQL is behind."
    )
    egress_refused_per_minute: float = _more_than_0(
        _LIMITS.egress_refused_per_minute,
        "Connections to hosts outside that the egress proxy refuses to a server.",
    )
    certificate_days: int = Field(
        default=_LIMITS.certificate_days,
        ge=1,
        le=365,
        description="Days before a certificate expires.",
    )
    quota_percent: float = _percent(_LIMITS.quota_percent, "Use of a quota of a namespace.")
    recovery_minutes: int = Field(
        default=_LIMITS.recovery_minutes,
        ge=1,
        le=10_080,
        description="Duration of a restore drill.",
    )
