"""The section for the clouds: where in each."""

from __future__ import annotations

from pydantic import Field

from .cloud_forms import (
    Account,
    AwsRegion,
    AzureId,
    AzureLocation,
    GcpNetwork,
    GcpProject,
    GcpRegion,
    Subnet,
    Tag,
    Topic,
    Vpc,
)
from .forms import Cidr
from .section import Section


class AwsNetwork(Section):
    """The VPC that load balancers, tasks and databases are put into; it is yours."""

    vpc: Vpc = Field(description="Id of the VPC.")
    cidr: Cidr = Field(description="Its network: what may reach what is not public.")
    public_subnets: list[Subnet] = Field(
        min_length=2, description="With a way to the internet, in two zones at least."
    )
    private_subnets: list[Subnet] = Field(
        min_length=2, description="Without one from there, in two zones at least."
    )


class Aws(Section):
    """An AWS account, and a region in it."""

    account: Account = Field(description="Its number; credentials for another one are refused.")
    region: AwsRegion = Field(description="Where everything goes.")
    network: AwsNetwork | None = Field(
        default=None, description="Absent: nothing that needs a network can be made."
    )
    alarm_topic: Topic | None = Field(
        default=None, description="Who is told of alarms; absent: they are seen in CloudWatch."
    )


class Gcp(Section):
    """A Google Cloud project, and a region in it."""

    project: GcpProject = Field(description="Its id.")
    region: GcpRegion = Field(description="Where everything goes.")
    network: GcpNetwork | None = Field(
        default=None, description="Your network; absent: nothing private can be made or reached."
    )
    subnetwork: GcpNetwork | None = Field(
        default=None, description="The subnetwork in that region that addresses are taken from."
    )


class Azure(Section):
    """An Azure subscription, and a location."""

    subscription: AzureId = Field(description="Its id.")
    tenant: AzureId = Field(description="Id of the directory that it belongs to.")
    location: AzureLocation = Field(description="Where everything goes.")


class Clouds(Section):
    """Where in the clouds; a cloud without a place here is not touched."""

    aws: Aws | None = Field(default=None, description="Absent: nothing goes to AWS.")
    gcp: Gcp | None = Field(default=None, description="Absent: nothing goes to Google Cloud.")
    azure: Azure | None = Field(default=None, description="Absent: nothing goes to Azure.")
    tags: dict[Tag, Tag] = Field(
        default={},
        description="Tags (AWS, Azure) and labels (Google Cloud) of everything, beside project, "
        "environment and stack.",
    )
