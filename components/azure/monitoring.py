"""Alert rules, a workbook and a budget for apps, functions and data stores on Azure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .alert_rules import NAMED, AlertRules
from .log_queries import of_function, of_objectives
from .metric_alerts import APPS, POSTGRES, REDIS, of_app, of_cache, of_database
from .monitoring_args import AzureBudget, AzureMonitoringArgs
from .resource_group import AzureGroup
from .tokens import ACTION_GROUP, BUDGET, GROUP, WORKBOOK
from .workbook import workbook_json

_LONGEST_SHORT_NAME: Final = 12
"""Characters (Action Groups API, groupShortName)."""


class AzureMonitoring(Component[AzureMonitoringArgs]):
    """Alert rules that notify action groups, a workbook and a budget for what runs on Azure.

    Attributes:
        dashboard_url: of the workbook, in the portal.
    """

    args_type = AzureMonitoringArgs

    dashboard_url: pulumi.Output[str]

    def build(self, args: AzureMonitoringArgs) -> None:
        group, limits = AzureGroup(self, args.location), args.thresholds
        receivers: list[pulumi.Input[str]] = [
            *([self._mail(group, args.emails)] if args.emails else []),
            *args.action_groups,
        ]
        rules = AlertRules(group, receivers)
        for app in args.apps:
            logs = of_objectives("app", NAMED, args.objectives)
            rules.on_logs(app.name, app.app, app.workspace, logs)
            rules.on_metrics(app.name, APPS, app.app, of_app(app, limits))
        for function in args.functions:
            logs = (
                *of_objectives("function", NAMED, args.objectives),
                *of_function(NAMED, function.max_instances),
            )
            rules.on_logs(function.name, function.app, function.workspace, logs)
        for database in args.databases:
            alerts = of_database(database.machine, replica=database.replica, limits=limits)
            rules.on_metrics(database.name, POSTGRES, database.server, alerts)
        for cache in args.caches:
            alerts = of_cache(sessions=cache.sessions, limits=limits)
            rules.on_metrics(cache.name, REDIS, cache.cluster, alerts)
        if args.budget:
            self._budget(group, args.budget, receivers)
        self.dashboard_url = self._workbook(group, args)

    def _mail(self, group: AzureGroup, emails: Sequence[str]) -> pulumi.Output[str]:
        """An action group with the addresses; returns its id."""
        made = group.make(
            ACTION_GROUP,
            "emails",
            {
                "location": "global",
                "enabled": True,
                "groupShortName": self.name[:_LONGEST_SHORT_NAME],
                "emailReceivers": [
                    {
                        "name": f"email-{number}",
                        "emailAddress": address,
                        "useCommonAlertSchema": True,
                    }
                    for number, address in enumerate(emails)
                ],
            },
        )
        return made.output("id")

    def _budget(
        self,
        group: AzureGroup,
        budget: AzureBudget,
        receivers: Sequence[pulumi.Input[str]],
    ) -> None:
        """Tells of costs when they reach the budget, and when they are forecast to."""
        counted = [
            {"name": name, "operator": "In", "values": [value]}
            for name, value in budget.tags.items()
        ]
        CloudResource(
            BUDGET,
            self.named("budget"),
            {
                "scope": f"/subscriptions/{group.location.subscription}",
                "budgetName": group.physical_name(BUDGET, "budget"),
                "category": "Cost",
                "timeGrain": "Monthly",
                "timePeriod": {"startDate": f"{budget.start}-01T00:00:00Z"},
                "amount": budget.amount,
                "filter": {"tags": counted[0]} if counted else None,
                "notifications": {
                    kind: {
                        "enabled": True,
                        "operator": "GreaterThanOrEqualTo",
                        "threshold": 100,
                        "thresholdType": kind,
                        "contactEmails": [],
                        "contactGroups": list(receivers),
                    }
                    for kind in ("Actual", "Forecasted")
                },
            },
            opts=self.owned(),
        )

    def _workbook(self, group: AzureGroup, args: AzureMonitoringArgs) -> pulumi.Output[str]:
        """The workbook, whose name must be a UUID; returns its URL."""
        unique = group.physical_name(GROUP, "group")
        made = group.make(
            WORKBOOK,
            "dashboard",
            {
                "resourceName": str(uuid5(NAMESPACE_URL, unique)),
                "kind": "shared",
                "category": "workbook",
                "displayName": self.name,
                "sourceId": "azure monitor",
                "serializedData": workbook_json(args),
            },
        )
        return pulumi.Output.concat(
            f"https://portal.azure.com/#@{args.location.tenant}/resource",
            made.output("id"),
            "/workbook",
        )
