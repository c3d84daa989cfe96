"""The sections of the stack file for Google Cloud."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.gcp.forms import KEY, MEMBER, NETWORK, PROJECT, REGION, SECRET
from components.mcp.log_retention import LOG_DAYS

from ..config.cloud_forms import Variable
from ..config.cloud_otlp import CloudOtlp
from ..config.cloud_servers import (
    Concurrency,
    FunctionSection,
    Instances,
    MostInstances,
    Public,
    ServerSection,
)
from ..config.forms import Image, constraint
from ..config.section import Section
from .gcp_monitoring import GcpMonitoring

Network = Annotated[str, constraint(NETWORK)]
LogDays = Annotated[
    int, Field(ge=1, le=3650, description="Days that logs are kept (Cloud Logging).")
]
Invokers = Annotated[
    list[Annotated[str, constraint(MEMBER)]],
    Field(description="IAM members that may call it if it is not public, with a Google token."),
]
Ingress = Annotated[
    Literal["all", "internal", "internal-and-load-balancer"],
    Field(
        description="Networks that requests may come from; a load balancer of yours may have a "
        "policy of Cloud Armor."
    ),
]
Secrets = Annotated[
    dict[Variable, Annotated[str, constraint(SECRET)]],
    Field(description="Versions of secrets by environment variable."),
]


class GcpOtlp(CloudOtlp):
    """Where services of Cloud Run send spans and copies of their log lines, by OTLP over HTTP.

    Functions send none.
    """

    token: Annotated[str, constraint(SECRET)] | None = Field(
        default=None,
        description="Version of the secret with the token, which has no spaces; absent: no token "
        "is sent.",
    )


class Gcp(Section):
    """A Google Cloud project, and a region in it."""

    project: Annotated[str, constraint(PROJECT)] = Field(description="Its id.")
    region: Annotated[str, constraint(REGION)] = Field(description="Region of all resources.")
    network: Network | None = Field(
        default=None, description="Your VPC network; absent: no private addresses."
    )
    subnetwork: Network | None = Field(
        default=None, description="The subnetwork in that region that addresses are taken from."
    )
    kms_key: Annotated[str, constraint(KEY)] | None = Field(
        default=None, description="Your key, which encrypts what is stored; absent: Google's."
    )
    monitoring: GcpMonitoring | None = Field(
        default=None,
        description="Alerts on the objectives of observability.alerts and on resources, and a "
        "dashboard, of everything that the stack has here; absent: no alerts.",
    )
    otlp: GcpOtlp | None = Field(
        default=None,
        description="Your receiver of spans and log lines over OTLP; absent: they are not sent.",
    )


class GcpFunction(FunctionSection):
    """The server as a function of Google Cloud."""

    public: Public = False
    ingress: Ingress = "all"
    memory_mb: int = Field(default=1024, ge=256, le=32768, description="Memory in MiB.")
    invokers: Invokers = []
    min_instances: Instances = 0
    max_instances: MostInstances = 10
    concurrency: Concurrency = 80
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}


class GcpUserServer(Section):
    """A server of the section servers, as a service of Cloud Run of its own."""

    public: Public = False
    ingress: Ingress = "all"
    image: Image | None = Field(
        default=None,
        description="A copy of its image; absent: servers.<name>.image. Cloud Run pulls from "
        "Artifact Registry and Docker Hub.",
    )
    invokers: Invokers = []
    concurrency: Concurrency = 100
    secrets: Secrets = {}


class GcpContainer(ServerSection):
    """The server as a service of Cloud Run."""

    public: Public = False
    ingress: Ingress = "all"
    image: Image | None = Field(
        default=None,
        description="Absent: images.server. Cloud Run pulls from Artifact Registry and Docker Hub.",
    )
    invokers: Invokers = []
    min_instances: Instances = 1
    max_instances: MostInstances = 10
    concurrency: Concurrency = 100
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}
    servers: dict[str, GcpUserServer] = Field(
        default={},
        description="Servers with the target gcp-container, by name. They have the log retention "
        "that is set here.",
    )
