"""The sections of the stack file for Azure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.azure.forms import ID, LOCATION, RESOURCE, SECRET
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
from ..config.forms import Cidr, Domain, Image, constraint
from ..config.section import Section
from .azure_monitoring import AzureMonitoring

Id = Annotated[str, constraint(ID)]
Resource = Annotated[str, constraint(RESOURCE)]
LogDays = Annotated[
    int, Field(ge=30, le=730, description="Days that logs are kept (Log Analytics).")
]
Vault = Annotated[Resource | None, Field(description="The Key Vault that the secrets are in.")]
Secrets = Annotated[
    dict[Variable, Annotated[str, constraint(SECRET)]],
    Field(description="Versions of secrets in Key Vault, by environment variable."),
]


ZoneRedundant = Annotated[
    bool, Field(description="Spread instances and copies of what is stored over zones.")
]
PrivateStorage = Annotated[
    bool,
    Field(
        description="Close the storage account to all networks but the subnet, which needs the "
        "service endpoint Microsoft.Storage."
    ),
]


class AzureOtlp(CloudOtlp):
    """Where containers send spans and copies of their log lines, by OTLP over HTTP.

    Functions send none.
    """

    token: Annotated[str, constraint(SECRET)] | None = Field(
        default=None,
        description="Version of the secret in vault with the token, which has no spaces; absent: "
        "no token is sent.",
    )
    vault: Annotated[Resource | None, Field(description="The Key Vault that has the token.")] = None


class Azure(Section):
    """An Azure subscription, and a location."""

    subscription: Id = Field(description="Its id.")
    tenant: Id = Field(description="Id of the directory that it belongs to.")
    location: Annotated[str, constraint(LOCATION)] = Field(description="Region of all resources.")
    monitoring: AzureMonitoring | None = Field(
        default=None,
        description="Alerts on the objectives of observability.alerts and on resources, and a "
        "workbook, of everything that the stack has here; absent: no alerts.",
    )
    otlp: AzureOtlp | None = Field(
        default=None,
        description="Your receiver of spans and log lines over OTLP; absent: they are not sent.",
    )


class AzureFunction(FunctionSection):
    """The server as a function app of Azure, in the Flex Consumption plan."""

    public: Public = False
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect if it is not public."
    )
    memory_mb: Literal[512, 2048, 4096] = Field(
        default=2048, description="Memory of an instance in MB."
    )
    max_instances: int = Field(default=40, ge=40, le=1000, description="Most instances.")
    log_retention_days: LogDays = LOG_DAYS
    subnet: Resource | None = Field(
        default=None, description="Subnet for connections to private addresses."
    )
    zone_redundant: ZoneRedundant = False
    private_storage: PrivateStorage = False
    vault: Vault = None
    secrets: Secrets = {}


class AzureUserServer(Section):
    """A server of the section servers, as a container app of its own."""

    public: Public = False
    image: Image | None = Field(
        default=None,
        description="A copy of its image; absent: servers.<name>.image. In a registry of Azure it "
        "must be in containers.azure.registry.",
    )
    subnet: Resource | None = Field(
        default=None,
        description="Subnet of its environment, delegated to Microsoft.App/environments, which no "
        "other environment is in; required unless it is public.",
    )
    concurrency: Concurrency = 100
    vault: Vault = None
    secrets: Secrets = {}


class AzureContainer(ServerSection):
    """The server in Azure: as an app that scales, or as a single group of containers."""

    kind: Literal["app", "group"] = Field(
        default="app", description="app: Container Apps; group: one group in a subnet, no scaling."
    )
    public: Public = False
    image: Image | None = Field(default=None, description="Absent: images.server.")
    subnet: Resource | None = Field(
        default=None, description="Subnet of the app or group; a group needs one."
    )
    registry: Resource | None = Field(
        default=None, description="The container registry of the image; absent: a public one."
    )
    domain: Domain | None = Field(
        default=None, description="Host name of the gateway before a group; an app has its own."
    )
    zone_redundant: ZoneRedundant = False
    private_storage: PrivateStorage = False
    vault: Vault = None
    min_instances: Instances = 1
    max_instances: MostInstances = 10
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}
    servers: dict[str, AzureUserServer] = Field(
        default={},
        description="Servers with the target azure-container, by name. They have the image, the "
        "registry and the log retention that are set here; kind must be app.",
    )
