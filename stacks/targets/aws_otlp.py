"""The section `otlp` of AWS: what tasks may connect to, and the receiver as components take it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.base.problems import Problem

from ..config.problem import at
from .aws_sections import Aws, AwsContainer, AwsFunction
from .otlp import receiver_fields
from .target import CloudSections, Shared

if TYPE_CHECKING:
    from components.aws.otlp import AwsOtlpReceiver


def aws_receiver(location: Aws, shared: Shared) -> AwsOtlpReceiver | None:
    """The receiver; None: the section is absent."""
    if location.otlp is None:
        return None
    from components.aws.otlp import AwsOtlpReceiver

    return AwsOtlpReceiver(**receiver_fields(location.otlp, shared))


def receivers_can_be_reached(
    sections: CloudSections[Aws, AwsFunction, AwsContainer], shared: Shared
) -> Iterator[Problem]:
    """The security group of the tasks allows connections to the receiver."""
    location = sections.location
    if location is None or location.otlp is None or location.network is None:
        return
    from components.aws.otlp import egress_problems

    receiver = aws_receiver(location, shared)
    for found in (*egress_problems(receiver, limited=location.network.egress is not None),):
        yield at(
            f"clouds.aws.{found.path}",
            found.what.replace("network.egress", "clouds.aws.network.egress"),
            found.consequence,
            found.fix.replace("network.egress", "clouds.aws.network.egress"),
        )
