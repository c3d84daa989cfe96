"""Alert rules, workbook and budget of what a stack has on Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import pulumi
from pydantic import Field

from components.azure.forms import ACTION_GROUP, MONTH

from ..config.cloud_monitoring import CloudBudget, CloudMonitoring
from ..config.forms import constraint
from .target import Monitored

if TYPE_CHECKING:
    from components.azure.location import AzureLocation
    from components.azure.monitoring import AzureMonitoring as Monitoring

MONITORING: Final = "azure-monitoring"
"""Name of the component with the alert rules."""


class AzureBudget(CloudBudget):
    """What the stack may cost in a month, in the currency of the subscription."""

    start: Annotated[str, constraint(MONTH)] = Field(
        description="Month in which the budget begins: that in which it is created, or one of the "
        "next twelve. Azure refuses an earlier one."
    )
    by_tag: bool = Field(
        default=True,
        description="Count what has the tag stack of this stack; false: count all that the "
        "subscription costs.",
    )


class AzureMonitoring(CloudMonitoring):
    """Alert rules, a workbook and a budget of Azure Monitor."""

    action_groups: list[Annotated[str, constraint(ACTION_GROUP)]] = Field(
        default=[],
        description="Action groups of yours, such as with a webhook or SMS: five at most, and four "
        "with emails.",
    )
    budget: AzureBudget | None = Field(
        default=None, description="Budget whose costs are notified; absent: none."
    )


def monitoring(
    section: AzureMonitoring,
    location: AzureLocation,
    monitored: Monitored,
    options: pulumi.ResourceOptions,
) -> Monitoring:
    """The component with the alert rules."""
    from components.azure.container import AzureContainerApp
    from components.azure.database import AzurePostgresqlDataTier
    from components.azure.function import AzureFunction
    from components.azure.monitoring import AzureMonitoring as Monitoring
    from components.azure.monitoring_args import AzureBudget as Budget
    from components.azure.monitoring_args import AzureMonitoringArgs

    parts, budget = monitored.components, section.budget
    tiers = [one for one in parts if isinstance(one, AzurePostgresqlDataTier)]
    args = AzureMonitoringArgs(
        location=location,
        emails=section.emails,
        action_groups=section.action_groups,
        objectives=monitored.objectives,
        thresholds=monitored.thresholds,
        apps=[one.monitored for one in parts if isinstance(one, AzureContainerApp)],
        functions=[one.monitored for one in parts if isinstance(one, AzureFunction)],
        databases=[each for one in tiers for each in one.monitored_databases],
        caches=[each for one in tiers for each in one.monitored_caches],
        budget=Budget(
            amount=budget.monthly_amount,
            start=budget.start,
            tags={"stack": monitored.tags["stack"]} if budget.by_tag else {},
        )
        if budget
        else None,
    )
    return Monitoring(MONITORING, args, opts=options)
