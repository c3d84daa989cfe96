"""Queries in KQL on the requests of a server, which alert rules and the workbook run.

Tables and columns are those of "Azure Monitor Logs reference". Metric alerts cannot divide one
metric by another, so shares of requests are counted in logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ..mcp.cloud_alarms import BurnAlarm, Window, burn_alarms
from ..mcp.objectives import Objectives

LONGEST_RANGE: Final = 2 * 86_400
"""Seconds that the query of an alert rule reads (Azure Monitor, Log alerts, Query time range)."""
SERVER: Final = "server"
"""The container whose log has the requests; behind it an image of a user may run."""
UNCOUNTED: Final = ("/health", "/ready")
"""Paths that the platform asks itself; the server logs them at the level debug."""

Source = Literal["app", "function"]


@dataclass(frozen=True, kw_only=True)
class LogAlert:
    """An alert rule's query.

    Attributes:
        role: of the rule, such as availability-burns-fast.
        query: in KQL; the alert is raised while it returns a row.
        seconds: of logs that it reads.
        every: minutes between two evaluations.
        description: what it indicates.
        critical: whether somebody must look at once.
    """

    role: str
    query: str
    seconds: int
    every: Literal[5, 15]
    description: str
    critical: bool = False


def requests(source: Source, name: str, objectives: Objectives) -> str:
    """The requests of a server, with the columns requests, failed, slow and seconds.

    Application Insights keeps a sample of the requests of a function; a row of AppRequests stands
    for ItemCount of them.

    Args:
        source: where it runs.
        name: of the container app or the function app.
        objectives: what a slow request is.
    """
    seconds = f"{objectives.latency_seconds:g}"
    if source == "function":
        return "\n| ".join(
            (
                "AppRequests",
                f'where AppRoleName =~ "{name}"',
                "extend requests = ItemCount, status = toint(ResultCode), "
                "seconds = DurationMs / 1000.0",
                f"extend failed = status >= 500, slow = seconds > {seconds}",
            )
        )
    paths = ", ".join(f'"{path}"' for path in UNCOUNTED)
    return "\n| ".join(
        (
            "ContainerAppConsoleLogs",
            f'where ContainerAppName =~ "{name}" and ContainerName == "{SERVER}"',
            "extend line = parse_json(Log)",
            f'where tostring(line.event) == "request" and tostring(line.path) !in ({paths})',
            "extend requests = 1, status = toint(line.status), seconds = todouble(line.seconds)",
            f"extend failed = status >= 500, slow = seconds > {seconds}",
        )
    )


def burn_query(rows: str, burn: BurnAlarm) -> str:
    """A row if both windows of any pair have too high a share; see ``requests`` for ``rows``."""
    bad = "failed" if burn.objective == "availability" else "slow"
    windows = {window.name: window for pair in burn.pairs for window in pair}
    counts = [
        count
        for name in windows
        for count in (
            f"all_{name} = sumif(requests, TimeGenerated > ago({name}))",
            f"bad_{name} = sumif(requests, {bad} and TimeGenerated > ago({name}))",
        )
    ]
    pairs = " or ".join(
        f"({' and '.join(_too_many(window) for window in pair)})" for pair in burn.pairs
    )
    longest = max(windows.values(), key=lambda window: window.seconds)
    return (
        f"{rows}\n| where TimeGenerated > ago({longest.name})"
        f"\n| summarize {', '.join(counts)}\n| where {pairs}"
    )


def _too_many(window: Window) -> str:
    return f"bad_{window.name} > {window.above:g} * all_{window.name}"


def of_objectives(source: Source, name: str, objectives: Objectives) -> Iterator[LogAlert]:
    """Fast and slow burn of both objectives, by the windows that a query can read."""
    rows = requests(source, name, objectives)
    for burn in readable(objectives):
        yield LogAlert(
            role=burn.name,
            query=burn_query(rows, burn),
            seconds=max(window.seconds for pair in burn.pairs for window in pair),
            every=5 if burn.severity == "critical" else 15,
            description=burn.description,
            critical=burn.severity == "critical",
        )


def readable(objectives: Objectives) -> Iterator[BurnAlarm]:
    """The burn alarms without pairs whose windows are longer than a query reads."""
    for burn in burn_alarms(objectives):
        pairs = tuple(
            pair for pair in burn.pairs if all(window.seconds <= LONGEST_RANGE for window in pair)
        )
        if pairs:
            yield BurnAlarm(
                objective=burn.objective,
                name=burn.name,
                severity=burn.severity,
                pairs=pairs,
                description=burn.description,
            )


def instances(name: str) -> str:
    """How many instances of a function app handled requests, in each five minutes."""
    return (
        f'AppRequests\n| where AppRoleName =~ "{name}"'
        "\n| extend TimeGenerated = bin(TimeGenerated, 5m)"
        "\n| distinct TimeGenerated, AppRoleInstance"
        "\n| summarize instances = count() by TimeGenerated"
    )


def of_function(name: str, most: int) -> Iterator[LogAlert]:
    """Instances at their maximum. Azure has no documented metric of a function app's instances."""
    yield LogAlert(
        role="instances",
        query=f"{instances(name)}\n| where TimeGenerated > ago(20m) and TimeGenerated < ago(5m)"
        "\n| summarize fewest = min(instances), times = count()"
        f"\n| where times >= 3 and fewest >= {most}",
        seconds=1800,
        every=5,
        description=f"as many instances run as there may be: {most}",
    )
