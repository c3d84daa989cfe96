"""The network of a Lambda function: a security group, and the rights that Lambda needs for it."""

from __future__ import annotations

from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .function_args import AwsLambdaArgs
from .identity import Right, allow, deny
from .network import allow_outside, security_group

INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does in the role's name, on every resource (AWS Lambda Developer Guide, Giving Lambda
functions access to resources in an Amazon VPC)."""


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
