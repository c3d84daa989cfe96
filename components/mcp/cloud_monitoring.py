"""Args that the monitoring of every cloud has, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..base.arg_types import EmailAddress
from ..base.constraints import shown
from ..base.problems import Problem
from .cloud_alarms import CloudThresholds
from .objectives import LATENCY_BOUNDS, Objectives


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What the monitoring of every cloud is given.

    Attributes:
        emails: addresses that get a mail for each alarm.
        objectives: what servers promise their clients; those of the rules on Kubernetes.
        thresholds: values at which alarms are raised.
    """

    emails: Sequence[EmailAddress] = ()
    objectives: Objectives = field(default_factory=Objectives)
    thresholds: CloudThresholds = field(default_factory=CloudThresholds)

    def monitored(self) -> tuple[str, ...]:
        """The fields that list what is monitored."""
        raise NotImplementedError

    def refusals(self) -> list[Problem]:
        """Nothing to watch, names twice, and numbers that no alarm can have."""
        paths: dict[str, list[str]] = {}
        for kind in self.monitored():
            for index, one in enumerate(getattr(self, kind)):
                paths.setdefault(one.name, []).append(f"{kind}[{index}].name")
        problems = [
            Problem(
                path,
                f"{shown(name)} is also the name of {first.removesuffix('.name')}",
                "two alarms would have the same name",
                "give each a name of its own",
            )
            for name, (first, *others) in paths.items()
            for path in others
        ]
        if not paths:
            problems.append(
                Problem(
                    self.monitored()[0],
                    f"is empty, and so are {', '.join(self.monitored()[1:])}",
                    "there would be no alarm",
                    "list what is to be monitored, or remove the component",
                )
            )
        return problems + _numbers(self)

    def no_receiver(self, receiver: object, path: str) -> list[Problem]:
        """A problem if there are neither addresses nor another receiver."""
        if self.emails or receiver:
            return []
        return [
            Problem(
                "emails",
                f"is empty, and {path} is missing",
                "alarms would notify nobody",
                f"write an address, or set {path}",
            )
        ]


def _numbers(args: MonitoringArgs) -> list[Problem]:
    """Percentages outside 0 to 100, and a latency that histograms of the servers do not have."""
    objectives, thresholds = args.objectives, args.thresholds
    percents = {
        "objectives.availability_percent": objectives.availability_percent,
        "objectives.latency_percent": objectives.latency_percent,
        "thresholds.resource_percent": thresholds.resource_percent,
        "thresholds.connections_percent": thresholds.connections_percent,
        "thresholds.storage_percent": thresholds.storage_percent,
        "thresholds.concurrency_percent": thresholds.concurrency_percent,
    }
    problems = [
        Problem(
            path,
            f"is {shown(value)}, not a number between 0 and 100",
            "the alarm would always be raised, or never",
            "write a percentage, such as 90",
        )
        for path, value in percents.items()
        if not 0 < value < 100
    ]
    if objectives.latency_seconds not in LATENCY_BOUNDS:
        problems.append(
            Problem(
                "objectives.latency_seconds",
                f"is {shown(objectives.latency_seconds)}",
                "on Kubernetes the objective could not be measured: no histogram has this bound",
                f"one of: {', '.join(f'{bound:g}' for bound in LATENCY_BOUNDS)}",
            )
        )
    amounts = {
        "replication_lag_seconds": thresholds.replication_lag_seconds,
        "limited_per_second": thresholds.limited_per_second,
    }
    problems += [
        Problem(
            f"thresholds.{field}",
            f"is {shown(value)}",
            "the alarm would always be raised",
            "write a number above 0",
        )
        for field, value in amounts.items()
        if value <= 0
    ]
    return problems
