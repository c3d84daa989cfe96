"""The network of a Lambda function: a security group, and the rights that Lambda needs for it."""

from __future__ import annotations

from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .function_args import AwsLambdaArgs
from .function_rights import INTERFACES
from .identity import Right, allow, deny
from .network import allow_outside, security_group


def function_network(
    owner: Component[Any], args: AwsLambdaArgs, role: CloudResource, *, function_arn: str
) -> tuple[dict[str, Any], list[pulumi.Resource]]:
    """The function's ``vpcConfig``, and what the function should depend on."""
    network = args.network
    if network is None:
        return {}, []
    group = security_group(
        owner,
        args.location,
        network,
        "function-group",
        purpose="The function: what it may connect to",
        name="function",
    )
    allow_outside(owner, "function", group, network.egress, "Keys of the issuer, secrets, state")
    rights = allow(owner, role, "connect", [Right(actions=INTERFACES, resources=["*"])])
    # The rights are Lambda's. Calls that the function's own code makes carry its ARN.
    refused = deny(
        owner,
        role,
        "call-ec2",
        Right(actions=INTERFACES, resources=["*"]),
        condition={"ArnEquals": {"lambda:SourceFunctionArn": function_arn}},
    )
    config = {
        "vpcConfig": {
            "subnetIds": list(network.private_subnets),
            "securityGroupIds": [group.output("id")],
        }
    }
    return config, [rights, refused]
