"""Args of AwsMonitoring: what is monitored, and who is notified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..base.arg_types import Line
from ..base.constraints import Range
from ..base.problems import Problem
from ..mcp.cloud_monitoring import MonitoringArgs
from .arg_types import KmsKey, Topic
from .location import AwsLocation
from .monitored import (
    AwsMonitoredCache,
    AwsMonitoredContainer,
    AwsMonitoredDatabase,
    AwsMonitoredFunction,
)

Amount = Annotated[int, Range(least=1, most=100_000_000, consequence="AWS refuses the budget")]


@dataclass(frozen=True, kw_only=True)
class AwsBudget:
    """What resources may cost in a month.

    Attributes:
        amount: US dollars a month.
        tag: key and value of the tag of the resources that count, as ``stack$prod``, which must be
            a cost allocation tag of the account; None: all that the account costs.
    """

    amount: Amount
    tag: Line | None = None


@dataclass(frozen=True, kw_only=True)
class AwsMonitoringArgs(MonitoringArgs):
    """What is monitored on AWS, and who is notified.

    Attributes:
        location: account and region.
        functions, containers, databases, caches: what is monitored.
        topic: ARN of your SNS topic that alarms notify; None: one of the component, which
            CloudWatch and AWS Budgets may publish to.
        kms_key: ARN of your key in AWS KMS, which encrypts what the component's topic holds; its
            policy must let CloudWatch and AWS Budgets use it. None: it is not encrypted with a key
            of yours.
        budget: budget whose costs are notified; None: there is none.
    """

    location: AwsLocation
    functions: Sequence[AwsMonitoredFunction] = ()
    containers: Sequence[AwsMonitoredContainer] = ()
    databases: Sequence[AwsMonitoredDatabase] = ()
    caches: Sequence[AwsMonitoredCache] = ()
    topic: Topic | None = None
    kms_key: KmsKey | None = None
    budget: AwsBudget | None = None

    def monitored(self) -> tuple[str, ...]:
        return ("functions", "containers", "databases", "caches")

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *self.location.elsewhere_problems({"topic": self.topic, "kms_key": self.kms_key}),
            *self.no_receiver(self.topic, "topic"),
        ]
