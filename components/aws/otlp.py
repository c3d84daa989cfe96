"""A receiver of OTLP for servers on AWS, and what their tasks may connect to for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.problems import Problem
from ..mcp.otlp import OtlpReceiver
from .arg_types import SecretReference, TargetNetwork
from .network import TLS, Allowed, AwsNetwork, allow_egress, cidr_in_name


@dataclass(frozen=True, kw_only=True)
class AwsOtlpReceiver(OtlpReceiver):
    """A receiver of yours, for tasks in a VPC.

    Attributes:
        token: ARN of the secret in AWS Secrets Manager with the token; with ``:key::`` at its end
            one key of a JSON secret. None: no token is sent.
        networks: of the receiver's addresses in CIDR form, which tasks may connect to at the port
            of ``url``. Needed unless tasks may connect to any address at that port.
    """

    token: SecretReference | None = None
    networks: Sequence[TargetNetwork] = ()


def egress_problems(receiver: AwsOtlpReceiver | None, *, limited: bool) -> Iterator[Problem]:
    """Networks that are missing, and those that tasks may connect to anyway.

    Args:
        receiver: in the field ``otlp``.
        limited: whether ``network.egress`` is set.
    """
    if receiver is None:
        return
    everywhere = not limited and receiver.port == TLS
    if everywhere and receiver.networks:
        yield Problem(
            "otlp.networks",
            f"is set, and tasks may connect to any address on port {TLS}",
            "it would have no effect",
            "leave it out, or list what tasks may connect to in network.egress",
        )
    if not everywhere and not receiver.networks:
        why = "network.egress is set" if limited else f"the port of url is {receiver.port}"
        yield Problem(
            "otlp.networks",
            f"is missing, and {why}",
            "the security group of the tasks would allow no connection to the receiver",
            "list the networks of its addresses, such as 203.0.113.0/24",
        )


def allow_receiver(
    owner: Component[Any],
    role: str,
    group: CloudResource,
    receiver: AwsOtlpReceiver | None,
    network: AwsNetwork,
) -> None:
    """Allows the servers in ``group`` to connect to the receiver, where no rule does yet."""
    if receiver is None:
        return
    listed = network.egress.networks if network.egress and receiver.port == TLS else ()
    for cidr in dict.fromkeys(receiver.networks):
        if cidr not in listed:
            allowed = Allowed(receiver.port, "Spans and log lines by OTLP", cidr=cidr)
            allow_egress(owner, f"{role}-otlp-to-{cidr_in_name(cidr)}", group, allowed)
