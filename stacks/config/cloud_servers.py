"""The sections for what serves in the clouds: what is switched on, and how large it may grow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.aws.facts import LOG_RETENTION_DAYS

from .cloud_forms import (
    AwsSecret,
    AzureResource,
    AzureSecret,
    Bucket,
    Certificate,
    GcpMember,
    GcpSecret,
    Variable,
)
from .forms import Cidr, Domain, Image, refusal
from .section import Section

Enabled = Annotated[bool, Field(description="false: switched off, and nothing of it is made.")]
Public = Annotated[
    bool,
    Field(
        description="Let the whole internet reach it; the server still wants a token of each call."
    ),
]


def _kept_days(days: int) -> int:
    if days in LOG_RETENTION_DAYS:
        return days
    more = next((each for each in LOG_RETENTION_DAYS if each > days), LOG_RETENTION_DAYS[-1])
    raise refusal(
        f"is {days}, which CloudWatch Logs does not offer",
        "the log group could not be made (CloudWatch Logs API, PutRetentionPolicy)",
        f"write {more}, or another of: {', '.join(map(str, LOG_RETENTION_DAYS))}",
    )


LogDays = Annotated[
    int, Field(ge=1, le=3653, description="Days that logs are kept."), AfterValidator(_kept_days)
]
GcpLogDays = Annotated[
    int, Field(ge=1, le=3650, description="Days that logs are kept (Cloud Logging).")
]
AzureLogDays = Annotated[
    int, Field(ge=30, le=730, description="Days that logs are kept (Log Analytics).")
]
Instances = Annotated[int, Field(ge=0, le=1000, description="Fewest instances.")]
MostInstances = Annotated[int, Field(ge=1, le=1000, description="Most instances.")]
Concurrency = Annotated[
    int, Field(ge=1, le=1000, description="Requests that one instance works on at a time.")
]

Invokers = Annotated[
    list[GcpMember],
    Field(description="Who may call it, where it is not public, before the server sees a token."),
]


Vault = Annotated[AzureResource | None, Field(description="The Key Vault that the secrets are in.")]
AzureSecrets = Annotated[
    dict[Variable, AzureSecret],
    Field(description="Environment variable to the version of a secret in Key Vault."),
]


class Throttle(Section):
    """What the APIs of a function take, all clients together; beyond it, 429."""

    requests_per_second: int = Field(default=10, ge=1, le=10_000, description="Sustained rate.")
    burst: int = Field(default=20, ge=1, le=5_000, description="Requests at once.")


class AwsFunction(Section):
    """The server as a function of AWS Lambda."""

    enabled: Enabled = True
    front: Literal["http-api", "function-url"] = Field(
        default="http-api",
        description="http-api: API Gateway, calls of at most 30 s; function-url: streams, 15 min.",
    )
    public: Public = False
    domain: Domain | None = Field(
        default=None, description="Host name of the HTTP API; absent: the one that AWS gives."
    )
    certificate: Certificate | None = Field(
        default=None, description="The domain's certificate, in the same region."
    )
    websocket: bool = Field(default=False, description="A WebSocket API beside it.")
    throttle: Throttle | None = Field(
        default=None, description="Of the APIs; absent: ten requests a second, twenty at once."
    )
    memory_mb: int = Field(
        default=1024, ge=128, le=10240, description="Memory in MB; CPU grows with it."
    )
    reserved_concurrency: int = Field(
        default=50, ge=1, le=10_000, description="Calls at a time; more are refused with 429."
    )
    log_retention_days: LogDays = 30
    secrets: dict[Variable, AwsSecret] = Field(
        default={}, description="Environment variable to the secret that it is filled from."
    )


class GcpFunction(Section):
    """The server as a function of Google Cloud."""

    enabled: Enabled = True
    public: Public = False
    memory_mb: int = Field(default=1024, ge=256, le=32768, description="Memory in MiB.")
    invokers: Invokers = []
    min_instances: Instances = 0
    max_instances: MostInstances = 10
    concurrency: Concurrency = 80
    log_retention_days: GcpLogDays = 30
    secrets: dict[Variable, GcpSecret] = Field(
        default={}, description="Environment variable to the version of a secret."
    )


class AzureFunction(Section):
    """The server as a function app of Azure, in the Flex Consumption plan."""

    enabled: Enabled = True
    public: Public = False
    clients: list[Cidr] = Field(
        default=[], description="Networks that may reach it, where it is not public."
    )
    memory_mb: Literal[512, 2048, 4096] = Field(
        default=2048, description="Memory of an instance in MB."
    )
    max_instances: int = Field(default=40, ge=40, le=1000, description="Most instances.")
    log_retention_days: AzureLogDays = 30
    subnet: AzureResource | None = Field(
        default=None, description="The subnet through which it reaches private addresses."
    )
    vault: Vault = None
    secrets: AzureSecrets = {}


class Serverless(Section):
    """The server as a function, cloud by cloud."""

    aws: AwsFunction | None = Field(default=None, description="Absent: no function on AWS.")
    gcp: GcpFunction | None = Field(default=None, description="Absent: none on Google Cloud.")
    azure: AzureFunction | None = Field(default=None, description="Absent: none on Azure.")


class AwsContainer(Section):
    """The server as a service of ECS on Fargate, behind a load balancer."""

    enabled: Enabled = True
    public: Public = False
    domain: Domain = Field(description="Its host name: what the certificate is for.")
    certificate: Certificate = Field(description="What the load balancer shows.")
    clients: list[Cidr] = Field(
        default=[],
        description="Networks that may reach it, where it is not public; none named: the VPC.",
    )
    image: Image | None = Field(default=None, description="Absent: images.server.")
    architecture: Literal["X86_64", "ARM64"] = Field(
        default="X86_64", description="What the image is built for."
    )
    cpu: Literal[256, 512, 1024, 2048, 4096] = Field(
        default=512, description="CPU units of a task; 1024 are one CPU."
    )
    memory_mb: int = Field(default=1024, ge=512, le=30_720, description="Memory of a task in MiB.")
    access_logs_bucket: Bucket | None = Field(
        default=None, description="A bucket of yours for the load balancer's access log."
    )
    min_instances: int = Field(default=2, ge=1, le=1000, description="Fewest tasks.")
    max_instances: MostInstances = 10
    log_retention_days: LogDays = 30
    secrets: dict[Variable, AwsSecret] = Field(
        default={}, description="Environment variable to the secret that it is filled from."
    )


class GcpContainer(Section):
    """The server as a service of Cloud Run."""

    enabled: Enabled = True
    public: Public = False
    image: Image | None = Field(
        default=None,
        description="Absent: images.server. Cloud Run pulls from Artifact Registry and Docker Hub.",
    )
    invokers: Invokers = []
    min_instances: Instances = 1
    max_instances: MostInstances = 10
    concurrency: Concurrency = 100
    log_retention_days: GcpLogDays = 30
    secrets: dict[Variable, GcpSecret] = Field(
        default={}, description="Environment variable to the version of a secret."
    )


class AzureContainer(Section):
    """The server in Azure: as an app that scales, or as a single group of containers."""

    enabled: Enabled = True
    kind: Literal["app", "group"] = Field(
        default="app", description="app: Container Apps; group: one group in a subnet, no scaling."
    )
    public: Public = False
    image: Image | None = Field(default=None, description="Absent: images.server.")
    subnet: AzureResource | None = Field(
        default=None, description="The subnet that it is put into; a group needs one."
    )
    registry: AzureResource | None = Field(
        default=None, description="The container registry of the image; absent: a public one."
    )
    domain: Domain | None = Field(
        default=None, description="Host name of the gateway before a group; an app has its own."
    )
    vault: Vault = None
    min_instances: Instances = 1
    max_instances: MostInstances = 10
    log_retention_days: AzureLogDays = 30
    secrets: AzureSecrets = {}


class Containers(Section):
    """The server as a managed container, cloud by cloud."""

    aws: AwsContainer | None = Field(default=None, description="Absent: none on AWS.")
    gcp: GcpContainer | None = Field(default=None, description="Absent: none on Google Cloud.")
    azure: AzureContainer | None = Field(default=None, description="Absent: none on Azure.")
