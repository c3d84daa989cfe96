"""Args of GcpMonitoring: what is monitored, and who is notified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from ..base.arg_types import Line
from ..base.constraints import Range
from ..base.problems import Problem
from ..mcp.cloud_monitoring import MonitoringArgs
from .arg_types import BillingAccount, NotificationChannel
from .location import GcpLocation
from .monitored import GcpMonitoredCache, GcpMonitoredDatabase, GcpMonitoredService

Amount = Annotated[
    int, Range(least=1, most=100_000_000, consequence="Google Cloud refuses the budget")
]


@dataclass(frozen=True, kw_only=True)
class GcpBudget:
    """What resources may cost in a month.

    Attributes:
        billing_account: its id, six characters three times. Whoever deploys needs the role Billing
            Account Costs Manager on it.
        amount: a month, in the currency of the billing account.
        labels: a label of the resources that count; empty: all that the project costs.
    """

    billing_account: BillingAccount
    amount: Amount
    labels: Mapping[Line, Line] = field(default_factory=dict[str, str])

    def refusals(self) -> list[Problem]:
        """A budget counts by one label at most."""
        if len(self.labels) <= 1:
            return []
        return [
            Problem(
                "labels",
                f"has {len(self.labels)}",
                "Google Cloud refuses it: a budget counts by one label (Budget API, Filter)",
                "leave one",
            )
        ]


@dataclass(frozen=True, kw_only=True)
class GcpMonitoringArgs(MonitoringArgs):
    """What is monitored on Google Cloud, and who is notified.

    Attributes:
        location: project and region.
        services, databases, caches: what is monitored.
        channels: ids of notification channels of yours, such as of PagerDuty or a webhook.
        budget: budget whose costs are notified; None: there is none.
    """

    location: GcpLocation
    services: Sequence[GcpMonitoredService] = ()
    databases: Sequence[GcpMonitoredDatabase] = ()
    caches: Sequence[GcpMonitoredCache] = ()
    channels: Sequence[NotificationChannel] = ()
    budget: GcpBudget | None = None

    def monitored(self) -> tuple[str, ...]:
        return ("services", "databases", "caches")

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *self.no_receiver(self.channels, "channels"),
            *_of_other_projects(self),
        ]


def _of_other_projects(args: GcpMonitoringArgs) -> list[Problem]:
    return [
        Problem(
            f"channels[{index}]",
            f"is in {there}, and the alerts in {args.location.project}",
            "Google Cloud refuses it: a channel is for alert policies of its own project",
            f"make one in {args.location.project}, and write its id",
        )
        for index, channel in enumerate(args.channels)
        # What is no id is refused for its form.
        if (there := [*channel.split("/"), *[""] * 2][1]) not in ("", args.location.project)
    ]
