"""Alert rules of Azure Monitor: on logs, and on metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from .log_queries import LogAlert
from .metric_alerts import MetricAlert
from .resource_group import AzureGroup
from .tokens import LOG_ALERT, METRIC_ALERT
from .workbook import last_part

NAMED: Final = "@name@"
"""Stands in queries for a name that may be an output."""
CRITICAL, WARNING = 0, 2
"""Severities of Azure Monitor."""
_DURATIONS: Final = {1800: "PT30M", 21_600: "PT6H", 86_400: "P1D"}
"""Windows of log alerts, in seconds."""


@dataclass(frozen=True)
class AlertRules:
    """Makes the alert rules of a component.

    Attributes:
        group: the resource group that they are in.
        receivers: ids of the action groups that they notify.
    """

    group: AzureGroup
    receivers: Sequence[pulumi.Input[str]]

    def on_logs(
        self,
        of: str,
        app: pulumi.Input[str],
        workspace: pulumi.Input[str],
        alerts: Iterable[LogAlert],
    ) -> None:
        """A rule for each query, which is raised while the query returns a row."""
        name = pulumi.Output.from_input(app).apply(last_part)
        for one in alerts:
            query = name.apply(lambda known, text=one.query: text.replace(NAMED, known))
            self.group.make(
                LOG_ALERT,
                f"{of}-{one.role}-alert",
                {
                    "kind": "LogAlert",
                    "displayName": f"{self.group.owner.name} {of} {one.role}",
                    "description": f"{of}: {one.description}",
                    "severity": CRITICAL if one.critical else WARNING,
                    "enabled": True,
                    "autoMitigate": True,
                    "scopes": [workspace],
                    "evaluationFrequency": f"PT{one.every}M",
                    "windowSize": _DURATIONS[one.seconds],
                    "criteria": {
                        "allOf": [
                            {
                                "query": query,
                                "timeAggregation": "Count",
                                "operator": "GreaterThan",
                                "threshold": 0,
                                "failingPeriods": {
                                    "numberOfEvaluationPeriods": 1,
                                    "minFailingPeriodsToAlert": 1,
                                },
                            }
                        ]
                    },
                    "actions": {"actionGroups": list(self.receivers)},
                },
            )

    def on_metrics(
        self,
        of: str,
        namespace: str,
        resource: pulumi.Input[str],
        alerts: Iterable[MetricAlert],
    ) -> None:
        """A rule for each metric of a resource.

        Args:
            of: what the resource is called in the names of the rules.
            namespace: of the metrics.
            resource: its id.
            alerts: what is compared.
        """
        for one in alerts:
            dimensions = [
                {"name": name, "operator": "Include", "values": [value]}
                for name, value in one.dimensions.items()
            ]
            self.group.make(
                METRIC_ALERT,
                f"{of}-{one.role}-alert",
                {
                    "location": "global",
                    "description": f"{of}: {one.description}",
                    "severity": CRITICAL if one.critical else WARNING,
                    "enabled": True,
                    "autoMitigate": True,
                    "scopes": [resource],
                    "evaluationFrequency": f"PT{one.every}M",
                    "windowSize": f"PT{one.minutes}M",
                    "criteria": {
                        "odataType": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                        "allOf": [
                            {
                                "criterionType": "StaticThresholdCriterion",
                                "name": one.role,
                                "metricNamespace": namespace,
                                "metricName": one.metric,
                                "timeAggregation": one.aggregation,
                                "operator": one.operator,
                                "threshold": one.threshold,
                                **({"dimensions": dimensions} if dimensions else {}),
                            }
                        ],
                    },
                    "actions": [{"actionGroupId": each} for each in self.receivers],
                },
            )
