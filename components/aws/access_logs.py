"""A bucket for access logs, which one service of AWS may write to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import pulumi

from ..base.component import Component
from .bucket import Bucket, Contents, private_bucket
from .location import AwsLocation

ROLE = "access-logs"


class Writer(Enum):
    """The service that writes the logs."""

    LOAD_BALANCER = "logdelivery.elasticloadbalancing.amazonaws.com"
    S3 = "logging.s3.amazonaws.com"


def access_log_bucket(
    owner: Component[Any], location: AwsLocation, writer: Writer, *, days: int, protect: bool
) -> Bucket:
    """The bucket; its objects are below the component's name, and are deleted after ``days``.

    Both services write to buckets with S3's own key only (Enable access logs for your Application
    Load Balancer; Amazon S3 User Guide, Enabling server access logging).
    """

    def statements(arn: pulumi.Output[str]) -> Sequence[Mapping[str, Any]]:
        prefix = f"/{owner.name}/"
        allowed: dict[str, Any] = {
            "Sid": "AccessLogs",
            "Effect": "Allow",
            "Principal": {"Service": writer.value},
            "Action": "s3:PutObject",
        }
        if writer is Writer.LOAD_BALANCER:
            # The service writes below the account's own number, so that no other account's load
            # balancer can write here.
            objects = pulumi.Output.concat(arn, prefix, f"AWSLogs/{location.account}/*")
            return [{**allowed, "Resource": objects}]
        here = {"StringEquals": {"aws:SourceAccount": location.account}}
        objects = pulumi.Output.concat(arn, prefix, "*")
        return [{**allowed, "Resource": objects, "Condition": here}]

    contents = Contents(
        expiration={
            "id": "access-logs",
            "expiration": {"days": days},
            "noncurrentVersionExpiration": {"noncurrentDays": 1},
        },
        disposable=not protect,
        protect=protect,
        writers=statements,
    )
    return private_bucket(owner, location, ROLE, contents)
