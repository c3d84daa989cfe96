"""Args of AzureMonitoring: what is monitored, and who is notified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from ..base.constraints import Range, shown
from ..base.problems import Problem
from ..mcp.cloud_monitoring import MonitoringArgs
from .arg_types import ActionGroupId, Month, TagName, TagValue
from .facts import AZURE_ACTION_GROUPS
from .location import AzureLocation
from .log_queries import readable
from .monitored import (
    AzureMonitoredApp,
    AzureMonitoredCache,
    AzureMonitoredDatabase,
    AzureMonitoredFunction,
)

Amount = Annotated[int, Range(least=1, most=100_000_000, consequence="Azure refuses the budget")]


@dataclass(frozen=True, kw_only=True)
class AzureBudget:
    """What resources may cost in a month.

    Attributes:
        amount: a month, in the currency of the subscription.
        start: the month in which it begins, as ``2026-12``: that in which it is created, or one of
            the next twelve.
        tags: a tag of the resources that count; empty: all that the subscription costs.
    """

    amount: Amount
    start: Month
    tags: Mapping[TagName, TagValue] = field(default_factory=dict[str, str])

    def refusals(self) -> list[Problem]:
        """A comparison of a budget has one tag."""
        if len(self.tags) <= 1:
            return []
        return [
            Problem(
                "tags",
                f"has {len(self.tags)}",
                "Azure refuses it: a comparison has one tag (Consumption API, BudgetFilter)",
                "leave one",
            )
        ]


@dataclass(frozen=True, kw_only=True)
class AzureMonitoringArgs(MonitoringArgs):
    """What is monitored on Azure, and who is notified.

    Attributes:
        location: subscription and region; the region of the monitored workspaces.
        apps: container apps that are monitored.
        functions: function apps that are monitored.
        databases: PostgreSQL servers that are monitored.
        caches: Redis clusters that are monitored.
        action_groups: ids of action groups of yours, such as with a webhook or SMS.
        budget: budget whose costs are notified; None: there is none.
    """

    location: AzureLocation
    apps: Sequence[AzureMonitoredApp] = ()
    functions: Sequence[AzureMonitoredFunction] = ()
    databases: Sequence[AzureMonitoredDatabase] = ()
    caches: Sequence[AzureMonitoredCache] = ()
    action_groups: Sequence[ActionGroupId] = ()
    budget: AzureBudget | None = None

    def monitored(self) -> tuple[str, ...]:
        return ("apps", "functions", "databases", "caches")

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *self.no_receiver(self.action_groups, "action_groups"),
            *_too_many_groups(self),
            *_without_alert(self),
        ]


def _too_many_groups(args: AzureMonitoringArgs) -> list[Problem]:
    room = AZURE_ACTION_GROUPS - bool(args.emails)
    if len(args.action_groups) <= room:
        return []
    own = ", and the component has one for emails" if args.emails else ""
    return [
        Problem(
            "action_groups",
            f"has {len(args.action_groups)}{own}",
            f"Azure refuses the alert rules: a rule has {AZURE_ACTION_GROUPS} at most",
            f"leave {room}; one action group can have several receivers",
        )
    ]


def _without_alert(args: AzureMonitoringArgs) -> list[Problem]:
    """An objective that only the burn over three days could watch, which no rule can read."""
    if not (args.apps or args.functions):
        return []
    found = {burn.objective for burn in readable(args.objectives)}
    percents = {
        "availability": args.objectives.availability_percent,
        "latency": args.objectives.latency_percent,
    }
    return [
        Problem(
            f"objectives.{objective}_percent",
            f"is {shown(percent)}",
            "the objective would have no alert: the query of a rule reads two days, and the burn "
            "rates of shorter windows cannot be reached",
            "write 67 or more",
        )
        for objective, percent in percents.items()
        # What is no percentage is refused as such.
        if objective not in found and 0 < percent < 100
    ]
