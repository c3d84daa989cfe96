"""Alert policies, dashboard and budget of what a stack has on Google Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import pulumi
from pydantic import Field

from components.gcp.forms import BILLING_ACCOUNT, CHANNEL

from ..config.cloud_monitoring import CloudBudget, CloudMonitoring
from ..config.forms import constraint
from .target import Monitored

if TYPE_CHECKING:
    from components.gcp.location import GcpLocation
    from components.gcp.monitoring import GcpMonitoring as Monitoring

MONITORING: Final = "gcp-monitoring"
"""Name of the component with the alert policies."""


class GcpBudget(CloudBudget):
    """What the stack may cost in a month, in the currency of the billing account."""

    billing_account: Annotated[str, constraint(BILLING_ACCOUNT)] = Field(
        description="Id of the billing account of the project."
    )
    by_label: bool = Field(
        default=True,
        description="Count what has the label stack of this stack; false: count all that the "
        "project costs.",
    )


class GcpMonitoring(CloudMonitoring):
    """Alert policies, a dashboard and a budget of Cloud Monitoring."""

    channels: list[Annotated[str, constraint(CHANNEL)]] = Field(
        default=[],
        max_length=16,
        description="Notification channels of yours, such as of PagerDuty or a webhook.",
    )
    budget: GcpBudget | None = Field(
        default=None, description="Budget whose costs are notified; absent: none."
    )


def monitoring(
    section: GcpMonitoring,
    location: GcpLocation,
    monitored: Monitored,
    options: pulumi.ResourceOptions,
) -> Monitoring:
    """The component with the alert policies."""
    from components.gcp.database import CloudSqlDataTier
    from components.gcp.monitoring import GcpMonitoring as Monitoring
    from components.gcp.monitoring_args import GcpBudget as Budget
    from components.gcp.monitoring_args import GcpMonitoringArgs
    from components.gcp.server import GcpServer

    parts, budget = monitored.components, section.budget
    tiers = [one for one in parts if isinstance(one, CloudSqlDataTier)]
    args = GcpMonitoringArgs(
        location=location,
        emails=section.emails,
        channels=section.channels,
        objectives=monitored.objectives,
        thresholds=monitored.thresholds,
        services=[one.monitored for one in parts if isinstance(one, GcpServer)],
        databases=[each for one in tiers for each in one.monitored_databases],
        caches=[each for one in tiers for each in one.monitored_caches],
        budget=Budget(
            billing_account=budget.billing_account,
            amount=budget.monthly_amount,
            labels={"stack": monitored.tags["stack"]} if budget.by_label else {},
        )
        if budget
        else None,
    )
    return Monitoring(MONITORING, args, opts=options)
