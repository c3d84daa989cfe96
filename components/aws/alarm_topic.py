"""The SNS topic that alarms notify, who may publish to it, and its subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .identity import policy_document
from .location import AwsLocation
from .naming import name_in_component

TOPIC: Final = "aws:sns/topic:Topic"
TOPIC_POLICY: Final = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION: Final = "aws:sns/topicSubscription:TopicSubscription"


def alarm_topic_arn(component: str, location: AwsLocation) -> str:
    """The ARN of a component's own topic, which follows from the component's name."""
    return f"arn:aws:sns:{location.region}:{location.account}:{_name(component, location)}"


def _name(component: str, location: AwsLocation) -> str:
    return name_in_component(TOPIC, component, location, "alarms")


def alarm_topic(
    owner: Component[Any], location: AwsLocation, *, key: str | None
) -> pulumi.Output[str]:
    """A topic that alarms and budgets of the account may publish to; returns its ARN.

    Args:
        owner: the component.
        location: account and region.
        key: ARN of the KMS key that encrypts it. AWS's own key for SNS cannot be used by
            CloudWatch, so without a key of yours there is none.
    """
    topic = CloudResource(
        TOPIC,
        owner.named("topic"),
        {"name": _name(owner.name, location), "kmsMasterKeyId": key},
        outputs=("arn",),
        opts=owner.owned(),
    )
    account, region = location.account, location.region
    publishers = {
        "cloudwatch.amazonaws.com": f"arn:aws:cloudwatch:{region}:{account}:alarm:*",
        "budgets.amazonaws.com": f"arn:aws:budgets::{account}:*",
    }
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sns:Publish",
            "Resource": topic.output("arn"),
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {"aws:SourceArn": source},
            },
        }
        for service, source in publishers.items()
    ]
    CloudResource(
        TOPIC_POLICY,
        owner.named("topic-policy"),
        {"arn": topic.output("arn"), "policy": policy_document(*statements)},
        opts=owner.owned(),
    )
    return topic.output("arn")


def tell_by_mail(owner: Component[Any], topic: pulumi.Input[str], emails: Sequence[str]) -> None:
    """Subscriptions of addresses, each of which is valid once its owner has confirmed it."""
    for index, address in enumerate(emails):
        CloudResource(
            SUBSCRIPTION,
            owner.named(f"email-{index}"),
            {"topic": topic, "protocol": "email", "endpoint": address},
            opts=owner.owned(),
        )
