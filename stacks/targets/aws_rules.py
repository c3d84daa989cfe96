"""Rules between the sections of the stack file for AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.problem import at
from .aws_otlp import receivers_can_be_reached
from .aws_sections import Aws, AwsContainer, AwsFunction
from .otlp import otlp_rules
from .target import CloudRule, CloudSections, Shared

AwsRule = CloudRule[Aws, AwsFunction, AwsContainer]
AwsSections = CloudSections[Aws, AwsFunction, AwsContainer]


def load_balancers_have_a_network(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A load balancer and its tasks need a VPC with subnets."""
    section, location = sections.containers, sections.location
    used = section and (section.enabled or section.servers)
    if used and location and location.network is None:
        yield at(
            "clouds.aws.network",
            "is missing, and containers.aws is switched on or has servers",
            "its load balancer and its tasks have no subnet to stand in",
            "set vpc, cidr, publicSubnets and privateSubnets, or containers.aws.enabled: false",
        )


def load_balancers_have_a_certificate(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """The load balancer of the reference server has a host name and its certificate."""
    section = sections.containers
    if section is None or not section.enabled:
        return
    for name, value, fix in (
        ("domain", section.domain, "a host name, such as mcp.example.com"),
        ("certificate", section.certificate, "the ARN of its certificate"),
    ):
        if value is None:
            yield at(
                f"containers.aws.{name}",
                "is missing",
                "no client could verify the certificate of the load balancer",
                f"write {fix}, or set containers.aws.enabled: false",
            )


def functions_in_a_vpc_have_one(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A function in a VPC needs its subnets."""
    section, location = sections.serverless, sections.location
    if section and section.enabled and section.vpc and location and location.network is None:
        yield at(
            "clouds.aws.network",
            "is missing, and serverless.aws.vpc is true",
            "the function has no subnet to connect through",
            "set vpc, cidr, publicSubnets and privateSubnets, or serverless.aws.vpc: false",
        )


def alarms_of_prod_notify_someone(sections: AwsSections, shared: Shared) -> Iterator[Problem]:
    """Alarms of prod notify a topic."""
    location = sections.location
    both = (sections.serverless, sections.containers)
    servers = sections.containers.servers if sections.containers else {}
    on = servers or any(each and each.enabled for each in both)
    told = location is None or location.alarm_topic or location.monitoring
    if shared.environment == "prod" and on and not told:
        yield at(
            "clouds.aws.alarmTopic",
            "is missing, and the environment is prod",
            "alarms would be visible in CloudWatch only",
            "set the ARN of an SNS topic (aws sns create-topic --name on-call), or set "
            "clouds.aws.monitoring.emails",
        )


def monitoring_has_a_receiver(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """With monitoring there is an address or a topic."""
    location = sections.location
    monitoring = location.monitoring if location else None
    if location and monitoring and not monitoring.emails and location.alarm_topic is None:
        yield at(
            "clouds.aws.monitoring.emails",
            "is empty, and clouds.aws.alarmTopic is missing",
            "alarms would notify nobody",
            "write an address, or set clouds.aws.alarmTopic",
        )


def secrets_are_of_the_same_account(sections: AwsSections, _shared: Shared) -> Iterator[Problem]:
    """A role can be given rights on secrets of its own account and region only."""
    location = sections.location
    if location is None:
        return
    servers = sections.containers.servers if sections.containers else {}
    token = location.otlp.token if location.otlp else None
    named = {
        **{f"containers.aws.servers.{name}": entry.secrets for name, entry in servers.items()},
        **({"serverless.aws": sections.serverless.secrets} if sections.serverless else {}),
        **({"containers.aws": sections.containers.secrets} if sections.containers else {}),
    }
    arns = {
        **({"clouds.aws.otlp.token": token} if token else {}),
        **{
            f"{path}.secrets.{name}": arn
            for path, secrets in named.items()
            for name, arn in secrets.items()
        },
    }
    for path, arn in arns.items():
        region, account = arn.split(":")[3:5]
        if (region, account) != (location.region, location.account):
            yield at(
                path,
                f"is in {account}, {region}, and the stack in {location.account}, "
                f"{location.region}",
                "the server could not read it when it starts",
                "copy the secret there, and write the copy's ARN",
            )


RULES: Final[tuple[tuple[tuple[str, ...], AwsRule], ...]] = (
    (("clouds.aws", "containers.aws"), load_balancers_have_a_network),
    (("containers.aws",), load_balancers_have_a_certificate),
    (("clouds.aws", "serverless.aws"), functions_in_a_vpc_have_one),
    (
        ("clouds.aws", "serverless.aws", "containers.aws", "environment"),
        alarms_of_prod_notify_someone,
    ),
    (("clouds.aws",), monitoring_has_a_receiver),
    (("clouds.aws", "serverless.aws", "containers.aws"), secrets_are_of_the_same_account),
    *otlp_rules("aws"),
    (("clouds.aws",), receivers_can_be_reached),
)
"""Each rule with the paths that it reads."""
