"""What everything on AWS is made with: names, roles of exact rights, log groups, alarms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.naming import fitted, unique
from ..base.problems import Problem
from .facts import AWS_REFERENCE, LOG_RETENTION_DAYS, NAME_RULES
from .location import AwsLocation

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_VERSION = "2012-10-17"
_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)[:@].+")


@dataclass(frozen=True, kw_only=True)
class Right:
    """What a role may do, and to what.

    Attributes:
        actions: each by its name.
        resources: ARNs; ``*`` only where AWS knows nothing finer.
    """

    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]


def physical(token: str, owner: Component[Any], location: AwsLocation, *role: str) -> str:
    """The name in the account of what plays ``role`` in ``owner``."""
    stack = (pulumi.get_project(), pulumi.get_stack(), location.account, location.region)
    return fitted(NAME_RULES[token], owner.name, *role, suffix=unique(*stack, owner.name, *role))


def document(*statements: Mapping[str, Any]) -> pulumi.Output[str]:
    """A policy document."""
    return pulumi.Output.json_dumps({"Version": _VERSION, "Statement": list(statements)})


def service_role(
    owner: Component[Any],
    location: AwsLocation,
    role: str,
    *,
    service: str,
    condition: Mapping[str, Any] | None = None,
) -> CloudResource:
    """A role without rights that one service of AWS may take."""
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
    }
    if condition:
        trust["Condition"] = condition
    return CloudResource(
        ROLE,
        owner.named(role),
        {"name": physical(ROLE, owner, location, role), "assumeRolePolicy": document(trust)},
        outputs=("arn",),
        opts=owner.owned(),
    )


def allow(
    owner: Component[Any], role: CloudResource, purpose: str, rights: Sequence[Right]
) -> CloudResource:
    """Gives ``role`` these rights; who acts in the role waits for what this returns."""
    statements = [
        {"Effect": "Allow", "Action": list(right.actions), "Resource": list(right.resources)}
        for right in rights
    ]
    return CloudResource(
        ROLE_POLICY,
        owner.named(f"may-{purpose}"),
        {"role": role.output("name"), "name": purpose, "policy": document(*statements)},
        opts=owner.owned(),
    )


def log_group(
    owner: Component[Any], role: str, name: str, *, retention: int
) -> tuple[CloudResource, Right]:
    """A log group that forgets after ``retention`` days, and the right to write to it."""
    group = CloudResource(
        LOG_GROUP,
        owner.named(role),
        {"name": name, "retentionInDays": retention},
        outputs=("arn",),
        opts=owner.owned(),
    )
    writing = Right(
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        # A stream is named by who writes it; the group's own ARN ends before them.
        resources=[pulumi.Output.concat(group.output("arn"), ":*")],
    )
    return group, writing


def retention_problems(path: str, days: int) -> list[Problem]:
    """CloudWatch takes a list of numbers, not a range."""
    if days in LOG_RETENTION_DAYS:
        return []
    longer = next((each for each in LOG_RETENTION_DAYS if each >= days), LOG_RETENTION_DAYS[-1])
    return [
        Problem(
            path,
            f"is {days} days",
            "CloudWatch Logs refuses it (CloudWatch Logs API Reference, PutRetentionPolicy)",
            f"write {longer}",
        )
    ]


def secret_problems(secrets: Mapping[str, str]) -> list[Problem]:
    """What is no whole ARN of a secret of this project."""
    return [
        Problem(
            f"secrets.{variable}",
            f"{arn!r} is no ARN of a secret under qudag-mcp/",
            "the role could not be given the right to read it and nothing else",
            "write the whole ARN, with the six characters that AWS puts at its end",
        )
        for variable, arn in secrets.items()
        if not re.fullmatch(AWS_REFERENCE, arn)
    ]


def reserved_problems(secrets: Mapping[str, str], beginnings: Sequence[str]) -> list[Problem]:
    """Variables that begin as those of the runtime or of the component do."""
    return [
        Problem(
            f"secrets.{variable}",
            f"a variable that begins with {begin} is not yours to set",
            "AWS refuses it, or the server would not find its own configuration",
            f"call it {variable.removeprefix(begin)}",
        )
        for variable in secrets
        for begin in beginnings
        if variable.startswith(begin)
    ]


def reading(secrets: Mapping[str, str]) -> list[Right]:
    """The right to read exactly these secrets; none for none."""
    arns = sorted({":".join(reference.split(":")[:7]) for reference in secrets.values()})
    return [Right(actions=("secretsmanager:GetSecretValue",), resources=arns)] if arns else []


def pulling(image: str) -> list[Right]:
    """What it takes to pull from an ECR; nothing for a public registry."""
    found = _ECR.fullmatch(image)
    if not found:
        return []
    account, region, repository = found.groups()
    return [
        # AWS knows no resource for this one: a token is for all that the account may pull.
        Right(actions=("ecr:GetAuthorizationToken",), resources=["*"]),
        Right(
            actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            resources=[f"arn:aws:ecr:{region}:{account}:repository/{repository}"],
        ),
    ]


@dataclass(frozen=True)
class Alarm:
    """A metric, and the number from which on somebody should know.

    Attributes:
        namespace, metric: CloudWatch's names.
        statistic: over five minutes.
        threshold: reached or exceeded.
        why: what it means.
    """

    namespace: str
    metric: str
    statistic: str
    threshold: float
    why: str


def alarm(
    owner: Component[Any],
    location: AwsLocation,
    role: str,
    watched: Alarm,
    *,
    dimensions: Mapping[str, pulumi.Input[str]],
    topic: str | None,
) -> None:
    """Raises an alarm on CloudWatch, and tells ``topic`` of it where there is one."""
    CloudResource(
        ALARM,
        owner.named(f"{role}-alarm"),
        {
            "name": physical(ALARM, owner, location, role),
            "alarmDescription": watched.why,
            "namespace": watched.namespace,
            "metricName": watched.metric,
            "dimensions": dimensions,
            "statistic": watched.statistic,
            "period": 300,
            "evaluationPeriods": 1,
            "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "threshold": watched.threshold,
            # Nobody called: nothing is wrong.
            "treatMissingData": "notBreaching",
            "alarmActions": [topic] if topic else None,
        },
        opts=owner.owned(),
    )
