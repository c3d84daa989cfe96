"""For each alert series in which it fires, and others just below its threshold.

The numbers are those of the documents and of the reference; they are stated here, apart from the
code. Counters rise at each step of 30 seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STEP: Final = 30
Series = Mapping[str, str]
"""A series to its values, in promtool's notation."""


def series(name: str, /, **labels: str) -> str:
    """A series of a pod of the server ``engine``."""
    target = {"namespace": "mcp", "job": "engine", "pod": "engine-0", "exporter": "server"}
    every = {**target, **labels}
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in every.items()) + "}"


def rising(per_second: float) -> str:
    """A counter that rises steadily."""
    return f"0+{per_second * STEP:g}x2000"


def constant(value: float) -> str:
    """A gauge."""
    return f"{value:.12g}+0x2000"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What an alert does.

    Attributes:
        severity, team, scope: its labels.
        wait: seconds for which the condition must hold.
        over: series in which it fires in the end.
        under: series in which it never fires.
        begins: seconds after the start of ``strong``, or else of ``over``, at which the condition
            holds for the first time.
        strong: series in which it holds at once, where a rate needs minutes to become exact.
        others: further series, in each of which it fires in the end.
        quiet: further series, in none of which it fires.
        count: how many alerts fire.
        postgres_cluster: whether CloudNativePG runs the database.
    """

    severity: str
    team: str
    scope: str
    wait: int
    over: Series
    under: Series
    begins: int = 0
    strong: Series | None = None
    others: tuple[Series, ...] = ()
    quiet: tuple[Series, ...] = ()
    count: int = 1
    postgres_cluster: bool = False


UP: Final = series("up")
_TOOL: Final = {"tool_name": "t"}
_HTTP: Final = {"method": "POST", "route": "/mcp"}


def _latency(name: str, le: float, above: float, **labels: str) -> Series:
    """A histogram all of whose observations are between two bounds."""
    return {
        series(f"{name}_bucket", le=f"{le:g}", **labels): constant(0),
        series(f"{name}_bucket", le=f"{above:g}", **labels): rising(10),
        series(f"{name}_bucket", le="+Inf", **labels): rising(10),
    }


def _requests(failed: float, status: str = "crashed") -> Series:
    return {
        series("mcp_requests_total", method="tools/call", status=status): rising(10 * failed),
        series("mcp_requests_total", method="tools/call", status="ok"): rising(10 * (1 - failed)),
    }


SERVERS: Final[dict[str, Case]] = {
    "MCPServerDown": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=60,
        over={UP: constant(0)},
        under={UP: constant(1), series("up", exporter="gateway"): constant(0)},
    ),
    "MCPServerHighErrorRate": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=120,
        over={series("mcp_tool_errors_total", **_TOOL): rising(0.11)},
        under={series("mcp_tool_errors_total", **_TOOL): rising(0.09)},
        strong={series("mcp_tool_errors_total", **_TOOL): rising(10)},
        begins=30,
    ),
    "MCPServerHighLatency": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=300,
        over=_latency("mcp_tool_duration_seconds", 0.5, 0.55, **_TOOL),
        under=_latency("mcp_tool_duration_seconds", 0.25, 0.5, **_TOOL),
        begins=30,
    ),
    "MCPServerHighMemoryUsage": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=300,
        over={series("process_resident_memory_bytes"): constant(401 * 2**20)},
        under={
            series("process_resident_memory_bytes"): constant(400 * 2**20),
            series("process_resident_memory_bytes", exporter="valkey"): constant(500 * 2**20),
        },
    ),
    "HighErrorRate": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=300,
        over=_requests(0.06),
        # What callers do wrong is no error of the server.
        under={**_requests(0.05), **_requests(0.9, "refused")},
        begins=30,
    ),
    "HighResponseTime": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=300,
        over=_latency("mcp_request_duration_seconds", 2, 2.2, method="tools/call"),
        # A stream that was open for minutes is no slow answer.
        under={
            **_latency("mcp_request_duration_seconds", 1, 2, method="tools/call"),
            **_latency("mcp_request_duration_seconds", 60, 120, method="subscriptions/listen"),
        },
        begins=30,
    ),
    "ServiceUnavailable": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=60,
        over={
            series("up", job="another"): constant(1),
            series("up", exporter="gateway"): constant(1),
        },
        under={UP: constant(0), series("up", pod="engine-1"): constant(1)},
        strong={
            UP: constant(0),
            series("up", exporter="gateway"): constant(1),
            series("up", namespace="other"): constant(1),
        },
    ),
    "ServerCpuNearLimit": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=600,
        over={series("process_cpu_seconds_total"): rising(1.62)},
        under={
            series("process_cpu_seconds_total"): rising(1.58),
            series("process_cpu_seconds_total", exporter="gateway"): rising(1.62),
            series("process_cpu_seconds_total", job="another"): rising(1.62),
        },
        strong={series("process_cpu_seconds_total"): rising(200)},
        begins=30,
    ),
    "ServerMemoryNearLimit": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=600,
        over={series("process_resident_memory_bytes"): constant(0.81 * 2**31)},
        under={
            series("process_resident_memory_bytes"): constant(0.79 * 2**31),
            series("process_resident_memory_bytes", exporter="gateway"): constant(0.81 * 2**31),
            series("process_resident_memory_bytes", job="another"): constant(0.81 * 2**31),
        },
    ),
    "AuthenticationFailures": Case(
        severity="warning",
        team="security",
        scope="server",
        wait=300,
        over={series("http_requests_total", status="401", **_HTTP): rising(1.1)},
        under={
            series("http_requests_total", status="401", **_HTTP): rising(0.9),
            series("http_requests_total", status="200", **_HTTP): rising(100),
        },
        strong={series("http_requests_total", status="401", **_HTTP): rising(100)},
        begins=30,
    ),
    "AuthorizationFailures": Case(
        severity="warning",
        team="security",
        scope="server",
        wait=300,
        over={series("http_requests_total", status="403", **_HTTP): rising(1.1)},
        under={
            series("http_requests_total", status="403", **_HTTP): rising(0.9),
            series("http_requests_total", status="401", **_HTTP): rising(100),
        },
        strong={series("http_requests_total", status="403", **_HTTP): rising(100)},
        begins=30,
    ),
    "ServerLimitsRefuse": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=600,
        over={series("mcp_limited_total", limit="messages"): rising(1.1)},
        under={series("mcp_limited_total", limit="messages"): rising(0.9)},
        strong={series("mcp_limited_total", limit="messages"): rising(100)},
        begins=30,
    ),
    "OpenFilesNearLimit": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=600,
        over={
            series("process_open_fds"): constant(81),
            series("process_max_fds"): constant(100),
        },
        under={
            series("process_open_fds"): constant(80),
            series("process_max_fds"): constant(100),
            series("process_open_fds", exporter="gateway"): constant(81),
            series("process_max_fds", exporter="gateway"): constant(100),
        },
    ),
    "DependencyDown": Case(
        severity="critical",
        team="servers",
        scope="server",
        wait=120,
        over={
            series("mcp_dependency_up", dependency="database"): constant(1),
            series("mcp_dependency_up", dependency="database", pod="engine-1"): constant(0),
        },
        under={series("mcp_dependency_up", dependency="database"): constant(1)},
    ),
    "IssuerKeysUnreadable": Case(
        severity="critical",
        team="security",
        scope="server",
        wait=300,
        over={
            series("mcp_issuer_keys_readable", issuer="https://a"): constant(1),
            series("mcp_issuer_keys_readable", issuer="https://a", pod="engine-1"): constant(0),
        },
        under={series("mcp_issuer_keys_readable", issuer="https://a"): constant(1)},
    ),
    "ServerRestarts": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=300,
        over={series("process_start_time_seconds"): "1+1x2000"},
        under={
            series("process_start_time_seconds"): "1 2 3+0x60",
            series("process_start_time_seconds", exporter="gateway"): "1+1x2000",
        },
        begins=90,
    ),
    "WorkersReplaced": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=300,
        over={series("mcp_workers_replaced_total"): rising(0.0025)},
        under={series("mcp_workers_replaced_total"): rising(0.002)},
        strong={series("mcp_workers_replaced_total"): rising(1)},
        begins=30,
    ),
    "DrainNearItsEnd": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=90,
        over={series("mcp_draining"): constant(1), series("mcp_calls_in_flight"): constant(1)},
        under={
            series("mcp_draining"): constant(1),
            series("mcp_calls_in_flight"): constant(0),
            series("mcp_draining", pod="engine-1"): constant(0),
            series("mcp_calls_in_flight", pod="engine-1"): constant(1),
        },
    ),
    "CallsCancelledByDrain": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=0,
        # Prometheus reads the count once before the pod is gone.
        over={series("mcp_calls_cancelled_by_drain_total"): "0x30 2 _x2000"},
        under={
            series(
                "mcp_calls_cancelled_by_drain_total"
            ): "0x5 2 _x2000",  # longer ago than 15 minutes
            series("mcp_calls_cancelled_by_drain_total", pod="engine-1"): constant(3),
        },
        strong={series("mcp_calls_cancelled_by_drain_total"): "0 2 _x2000"},
        begins=30,
    ),
    "SessionsLost": Case(
        severity="warning",
        team="servers",
        scope="server",
        wait=300,
        over={series("http_requests_total", status="404", **_HTTP): rising(0.11)},
        # A modern server answers 404 to a method that it does not know.
        under={
            series("http_requests_total", status="404", **_HTTP): rising(0.09),
            series("http_requests_total", status="404", **{**_HTTP, "job": "modern"}): rising(9),
            series("http_requests_total", status="404", **{**_HTTP, "route": "other"}): rising(9),
            series("http_requests_total", status="200", **_HTTP): rising(9),
        },
        strong={series("http_requests_total", status="404", **_HTTP): rising(100)},
        begins=30,
    ),
}
