"""Args that servers on AWS have in common, and their checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ..base.arg_types import SecretVariable
from ..base.problems import Problem
from ..mcp.access import Access
from ..mcp.cloud_server import CloudServerArgs
from .arg_types import AccessLogDays, KmsKey, SecretReference, Topic
from .location import AwsLocation
from .logs import retention_problems
from .secrets import reserved_problems


@dataclass(frozen=True, kw_only=True)
class AwsServerArgs(CloudServerArgs):
    """Args of every server on AWS.

    Attributes:
        location: account and region.
        access: who may call it.
        secrets: by environment variable, the ARN of a secret under ``qudag-mcp/``; with
            ``:key::`` at its end one key of a JSON secret.
        alarm_topic: ARN of the SNS topic that alarms notify.
        alarms_without_topic: there is no topic: alarms show in CloudWatch only.
        kms_key: ARN of your key in AWS KMS, which encrypts what the server stores; None: keys of
            AWS.
        access_log_days: days that access logs are kept, in a bucket of the component; None: there
            are none.
    """

    RESERVED_PREFIXES: ClassVar[tuple[str, ...]] = ("QUDAG_MCP_",)
    """Prefixes of environment variables that are not the user's to set."""

    location: AwsLocation
    access: Access
    secrets: Mapping[SecretVariable, SecretReference] = field(default_factory=dict[str, str])
    alarm_topic: Topic | None = None
    alarms_without_topic: bool = False
    kms_key: KmsKey | None = None
    access_log_days: AccessLogDays | None = None

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *retention_problems("log_retention_days", self.log_retention_days),
            *reserved_problems(self.secrets, self.RESERVED_PREFIXES),
            *self._topic_problems(),
            *self.location.elsewhere_problems(
                {"alarm_topic": self.alarm_topic, "kms_key": self.kms_key}
            ),
        ]

    def _topic_problems(self) -> Iterator[Problem]:
        if self.alarm_topic is None and not self.alarms_without_topic:
            yield Problem(
                "alarm_topic",
                "is missing",
                "the alarms would notify nobody",
                "set the ARN of an SNS topic (aws sns create-topic --name on-call), or "
                "alarms_without_topic=True",
            )
        elif self.alarm_topic is not None and self.alarms_without_topic:
            yield Problem(
                "alarms_without_topic",
                "is True, and alarm_topic is set",
                "it is not clear whether the alarms should notify the topic",
                "remove one of them",
            )
