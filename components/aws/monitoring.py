"""Alarms, a dashboard and a budget of CloudWatch for servers and data stores on AWS."""

from __future__ import annotations

from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.cloud_alarms import burn_alarms
from .alarm_topic import alarm_topic, tell_by_mail
from .alarms import metric_alarm
from .burn_rates import burn_rate_alarm
from .dashboard import dashboard_body
from .monitored_metrics import of_cache, of_container, of_database, of_function, requests_of
from .monitoring_args import AwsMonitoringArgs
from .naming import physical_name

DASHBOARD: Final = "aws:cloudwatch/dashboard:Dashboard"
BUDGET: Final = "aws:budgets/budget:Budget"


class AwsMonitoring(Component[AwsMonitoringArgs]):
    """Alarms with actions, a dashboard and a budget for what runs on AWS.

    Attributes:
        topic: ARN of the SNS topic that the alarms notify.
        dashboard_url: of the dashboard, in the console.
    """

    args_type = AwsMonitoringArgs

    topic: pulumi.Output[str]
    dashboard_url: pulumi.Output[str]

    def build(self, args: AwsMonitoringArgs) -> None:
        location = args.location
        topic = args.topic or alarm_topic(self, location, key=args.kms_key)
        self.topic = pulumi.Output.from_input(topic)
        tell_by_mail(self, topic, args.emails)
        objectives = [
            burn_rate_alarm(
                self,
                location,
                server.name,
                requests_of(server),
                burn,
                objectives=args.objectives,
                topics=[topic],
            )
            for server in (*args.functions, *args.containers)
            for burn in burn_alarms(args.objectives)
        ]
        limits = args.thresholds
        for measured in (
            *(one for each in args.functions for one in of_function(each, limits)),
            *(one for each in args.containers for one in of_container(each, limits)),
            *(one for each in args.databases for one in of_database(each, limits)),
            *(one for each in args.caches for one in of_cache(each, limits)),
        ):
            metric_alarm(
                self,
                location,
                measured.role,
                measured.alarm,
                dimensions=measured.dimensions,
                topics=[topic],
                tells_end=True,
            )
        self._budget(args, topic)
        name = physical_name(DASHBOARD, self, location)
        CloudResource(
            DASHBOARD,
            self.named("dashboard"),
            {
                "dashboardName": name,
                "dashboardBody": dashboard_body(args, [one.output("arn") for one in objectives]),
            },
            opts=self.owned(),
        )
        self.dashboard_url = pulumi.Output.from_input(
            f"https://{location.region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={location.region}#dashboards/dashboard/{name}"
        )

    def _budget(self, args: AwsMonitoringArgs, topic: pulumi.Input[str]) -> None:
        """Notify when costs reach the budget, and when the forecast does."""
        if args.budget is None:
            return
        notification = {
            "comparisonOperator": "GREATER_THAN",
            "threshold": 100,
            "thresholdType": "PERCENTAGE",
            "subscriberSnsTopicArns": [topic],
        }
        tag = args.budget.tag
        CloudResource(
            BUDGET,
            self.named("budget"),
            {
                "name": physical_name(BUDGET, self, args.location),
                "budgetType": "COST",
                "timeUnit": "MONTHLY",
                "limitAmount": str(args.budget.amount),
                "limitUnit": "USD",
                "costFilters": [{"name": "TagKeyValue", "values": [f"user:{tag}"]}]
                if tag
                else None,
                "notifications": [
                    {**notification, "notificationType": kind} for kind in ("ACTUAL", "FORECASTED")
                ],
            },
            opts=self.owned(),
        )
