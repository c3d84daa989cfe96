"""Alert policies, a dashboard and a budget for services and data stores on Google Cloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .alert_queries import (
    AlertQuery,
    failures_filter,
    of_cache,
    of_database,
    of_objectives,
    of_service,
)
from .dashboard import dashboard_json
from .monitored import GcpMonitoredService
from .monitoring_args import GcpBudget, GcpMonitoringArgs

POLICY: Final = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL: Final = "gcp:monitoring/notificationChannel:NotificationChannel"
DASHBOARD: Final = "gcp:monitoring/dashboard:Dashboard"
BUDGET: Final = "gcp:billing/budget:Budget"
NAMED: Final = "@name@"
"""Stands in queries for a name that may be an output."""
_MOST_CHANNELS: Final = 5
"""Channels that a budget notifies (Budget API, NotificationsRule)."""


class GcpMonitoring(Component[GcpMonitoringArgs]):
    """Alert policies that notify channels, a dashboard and a budget for what runs on Google Cloud.

    Attributes:
        dashboard_url: of the dashboards of the project, in the console.
    """

    args_type = GcpMonitoringArgs

    dashboard_url: pulumi.Output[str]

    def build(self, args: GcpMonitoringArgs) -> None:
        project, limits = args.location.project, args.thresholds
        mail = [self._mail(project, index, email) for index, email in enumerate(args.emails)]
        receivers: list[pulumi.Input[str]] = [*mail, *args.channels]
        for service in args.services:
            least, most = service.min_instances, service.max_instances
            queries = [
                *of_objectives(NAMED, args.objectives),
                *of_service(NAMED, least, most, limits),
            ]
            self._policies(project, service.name, service.service, queries, receivers)
            self._failures(project, service, receivers)
        for database in args.databases:
            machine, replica = database.machine, database.replica
            queries = of_database(project, NAMED, machine=machine, replica=replica, limits=limits)
            self._policies(project, database.name, database.instance, queries, receivers)
        for cache in args.caches:
            queries = of_cache(NAMED, sessions=cache.sessions, limits=limits)
            self._policies(project, cache.name, cache.instance, queries, receivers)
        if args.budget:
            self._budget(project, args.budget, mail)
        CloudResource(
            DASHBOARD,
            self.named("dashboard"),
            {"project": project, "dashboardJson": dashboard_json(self.name, args)},
            opts=self.owned(),
        )
        self.dashboard_url = pulumi.Output.from_input(
            f"https://console.cloud.google.com/monitoring/dashboards?project={project}"
        )

    def _mail(self, project: str, index: int, address: str) -> pulumi.Output[str]:
        """A channel to an address; returns its id."""
        channel = CloudResource(
            CHANNEL,
            self.named(f"email-{index}"),
            {
                "project": project,
                "type": "email",
                "displayName": f"{self.name} {address}",
                "labels": {"email_address": address},
            },
            outputs=("name",),
            opts=self.owned(),
        )
        return channel.output("name")

    def _policies(
        self,
        project: str,
        of: str,
        name: pulumi.Input[str],
        queries: Iterable[AlertQuery],
        receivers: Sequence[pulumi.Input[str]],
    ) -> None:
        """A policy for each query; its condition is the only one, as PromQL wants it."""
        for one in queries:
            query = pulumi.Output.from_input(name).apply(
                lambda known, text=one.query: text.replace(NAMED, known)
            )
            condition = {
                "displayName": one.description,
                "conditionPrometheusQueryLanguage": {
                    "query": query,
                    "duration": f"{one.seconds}s",
                    "evaluationInterval": "60s",
                },
            }
            self._policy(
                project,
                f"{of}-{one.role}",
                condition,
                receivers,
                about=f"{of}: {one.description}",
                critical=one.critical,
            )

    def _failures(
        self, project: str, service: GcpMonitoredService, receivers: Sequence[pulumi.Input[str]]
    ) -> None:
        """Cloud Run has no metric of instances that end; it writes a log entry of each."""
        entries = pulumi.Output.from_input(service.service).apply(failures_filter)
        about = f"{service.name}: an instance could not start, or has ended"
        self._policy(
            project,
            f"{service.name}-failures",
            {"displayName": about, "conditionMatchedLog": {"filter": entries}},
            receivers,
            about=about,
            strategy={"notificationRateLimit": {"period": "900s"}},
        )

    def _policy(
        self,
        project: str,
        role: str,
        condition: Mapping[str, Any],
        receivers: Sequence[pulumi.Input[str]],
        *,
        about: str,
        critical: bool = False,
        strategy: Mapping[str, Any] | None = None,
    ) -> None:
        CloudResource(
            POLICY,
            self.named(f"{role}-alert"),
            {
                "project": project,
                "displayName": f"{self.name} {role}",
                "combiner": "OR",
                "severity": "CRITICAL" if critical else "WARNING",
                "conditions": [condition],
                "notificationChannels": list(receivers),
                "alertStrategy": {"autoClose": "1800s", **(strategy or {})},
                "documentation": {"content": about, "mimeType": "text/markdown"},
            },
            opts=self.owned(),
        )

    def _budget(self, project: str, budget: GcpBudget, mail: Sequence[pulumi.Input[str]]) -> None:
        """Tells of costs when they reach the budget, and when they are forecast to.

        A budget notifies channels of addresses only; without one, the account's administrators.
        """
        labels = budget.labels
        CloudResource(
            BUDGET,
            self.named("budget"),
            {
                "billingAccount": budget.billing_account,
                "displayName": self.name,
                "budgetFilter": {
                    "projects": [f"projects/{project}"],
                    **({"labels": dict(labels)} if labels else {}),
                },
                "amount": {"specifiedAmount": {"units": str(budget.amount)}},
                "thresholdRules": [
                    {"thresholdPercent": 1.0, "spendBasis": basis}
                    for basis in ("CURRENT_SPEND", "FORECASTED_SPEND")
                ],
                "allUpdatesRule": {
                    "monitoringNotificationChannels": list(mail[:_MOST_CHANNELS]),
                    "disableDefaultIamRecipients": True,
                }
                if mail
                else None,
            },
            opts=self.owned(),
        )
