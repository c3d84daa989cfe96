"""Rights that Lambda needs for a function in a network.

Apart from the components that use them, so that rules read them without Pulumi's SDK.
"""

from __future__ import annotations

from typing import Final

INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""Actions of Lambda itself with the function's role, on every resource (AWS Lambda Developer Guide,
Giving Lambda functions access to resources in an Amazon VPC)."""
