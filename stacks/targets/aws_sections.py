"""The sections of the stack file for AWS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.aws.forms import (
    ACCOUNT,
    BUCKET,
    CERTIFICATE,
    KEY,
    PREFIX_LIST,
    REGION,
    SECRET,
    SECURITY_GROUP,
    SUBNET,
    TARGET_NETWORK,
    TOPIC,
    VPC,
    WEB_ACL,
)
from components.aws.limits import LOG_RETENTION_DAYS
from components.mcp.log_retention import LOG_DAYS

from ..config.cloud_forms import Variable
from ..config.cloud_monitoring import CloudBudget, CloudMonitoring
from ..config.cloud_otlp import CloudOtlp
from ..config.cloud_servers import FunctionSection, MostInstances, Public, ServerSection
from ..config.forms import Cidr, Domain, Image, checked, constraint, refusal
from ..config.section import Section

Certificate = Annotated[str, constraint(CERTIFICATE)]
Secrets = Annotated[
    dict[Variable, Annotated[str, constraint(SECRET)]],
    Field(description="Secrets by environment variable."),
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
AccessLogDays = Annotated[
    int | None,
    Field(
        ge=1,
        le=3653,
        description="Days that access logs are kept, in a bucket of the stack; absent: none.",
    ),
]


_Target = Annotated[str, constraint(TARGET_NETWORK), checked(TARGET_NETWORK)]


class AwsEgress(Section):
    """What tasks and functions in the VPC may connect to, on port 443."""

    networks: list[_Target] = Field(default=[], description="Networks, such as the issuer's.")
    groups: list[Annotated[str, constraint(SECURITY_GROUP)]] = Field(
        default=[], description="Security groups, such as that of your VPC endpoints."
    )
    prefix_lists: list[Annotated[str, constraint(PREFIX_LIST)]] = Field(
        default=[], description="Prefix lists, such as those of S3 and DynamoDB."
    )
    dns_servers: list[_Target] = Field(
        default=[], description="Your own DNS servers, port 53; the VPC's resolver needs no entry."
    )


class AwsNetwork(Section):
    """The VPC that load balancers, tasks and databases are put into; it is yours."""

    vpc: Annotated[str, constraint(VPC)] = Field(description="Id of the VPC.")
    cidr: Cidr = Field(
        description="Its addresses; they may connect to targets that are not public."
    )
    public_subnets: list[Annotated[str, constraint(SUBNET)]] = Field(
        min_length=2, description="With a route to an internet gateway, in two zones at least."
    )
    private_subnets: list[Annotated[str, constraint(SUBNET)]] = Field(
        min_length=2, description="Without a route from the internet, in two zones at least."
    )
    egress: AwsEgress | None = Field(
        default=None,
        description="What servers in the VPC may connect to; absent: any address on port 443.",
    )


class AwsBudget(CloudBudget):
    """What the stack may cost in a month, in US dollars."""

    by_tag: bool = Field(
        default=True,
        description="Count what has the tag stack of this stack, which must be a cost allocation "
        "tag of the account; false: count all that the account costs.",
    )


class AwsMonitoring(CloudMonitoring):
    """Alarms, a dashboard and a budget of CloudWatch.

    Alarms notify clouds.aws.alarmTopic, or a topic of the stack where that is absent.
    """

    budget: AwsBudget | None = Field(
        default=None, description="Budget whose costs are notified; absent: none."
    )


class AwsOtlp(CloudOtlp):
    """Where tasks of ECS send spans and copies of their log lines, by OTLP over HTTP.

    Functions send none.
    """

    token: Annotated[str, constraint(SECRET)] | None = Field(
        default=None,
        description="Secret with the token, which has no spaces; absent: no token is sent.",
    )
    networks: list[_Target] = Field(
        default=[],
        max_length=50,
        description="Networks of the receiver's addresses, which tasks may connect to at the URL's "
        "port; required with network.egress, and for another port than 443.",
    )


class Aws(Section):
    """An AWS account, and a region in it."""

    account: Annotated[str, constraint(ACCOUNT)] = Field(
        description="Number of the account; credentials of another one are refused."
    )
    region: Annotated[str, constraint(REGION)] = Field(description="Region of all resources.")
    network: AwsNetwork | None = Field(
        default=None, description="Your VPC; absent: no target that needs a network."
    )
    alarm_topic: Annotated[str, constraint(TOPIC)] | None = Field(
        default=None,
        description="Topic that alarms notify; absent: that of monitoring, else they are in "
        "CloudWatch only. Prod needs one of both.",
    )
    kms_key: Annotated[str, constraint(KEY)] | None = Field(
        default=None, description="Your key, which encrypts what is stored; absent: keys of AWS."
    )
    monitoring: AwsMonitoring | None = Field(
        default=None,
        description="Alarms on the objectives of observability.alerts and on resources, and a "
        "dashboard, of everything that the stack has here; absent: the servers' own alarms only.",
    )
    otlp: AwsOtlp | None = Field(
        default=None,
        description="Your receiver of spans and log lines over OTLP; absent: they are not sent.",
    )


class Throttle(Section):
    """What the APIs of a function take, all clients together; beyond it, 429."""

    requests_per_second: int = Field(default=10, ge=1, le=10_000, description="Sustained rate.")
    burst: int = Field(default=20, ge=1, le=5_000, description="Requests at once.")


class AwsFunction(FunctionSection):
    """The server as a function of AWS Lambda."""

    front: Literal["http-api", "function-url"] = Field(
        default="http-api",
        description="http-api: API Gateway, calls of at most 30 s; function-url: streams, 15 min.",
    )
    public: Public = False
    domain: Domain | None = Field(
        default=None, description="Host name of the HTTP API; absent: a name of AWS."
    )
    certificate: Certificate | None = Field(
        default=None, description="The domain's certificate, in the same region."
    )
    websocket: bool = Field(default=False, description="Create a WebSocket API too.")
    throttle: Throttle | None = Field(
        default=None, description="Rate limit of the APIs; absent: 10 requests a second, burst 20."
    )
    memory_mb: int = Field(
        default=1024, ge=128, le=10240, description="Memory in MB; CPU grows with it."
    )
    reserved_concurrency: int = Field(
        default=50, ge=1, le=10_000, description="Concurrent calls; more are refused with 429."
    )
    vpc: bool = Field(
        default=False, description="Connect through the private subnets of clouds.aws.network."
    )
    tracing: bool = Field(default=False, description="Trace calls with AWS X-Ray.")
    access_log_days: AccessLogDays = None
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}


class AwsUserServer(Section):
    """A server of the section servers, as an ECS service of its own."""

    domain: Domain = Field(description="Host name that the certificate covers.")
    certificate: Certificate = Field(description="Certificate of its load balancer.")
    public: Public = False
    clients: list[Cidr] = Field(
        default=[],
        description="Networks that may connect if it is not public; empty: the VPC.",
    )
    image: Image | None = Field(
        default=None, description="A copy of its image; absent: servers.<name>.image."
    )
    secrets: Secrets = {}


class AwsContainerDatabase(Section):
    """The database of data.kind rds, for the reference server on ECS."""

    ca: Annotated[str, constraint(SECRET)] = Field(
        description="Secret with Amazon's CA certificates for RDS, in PEM."
    )


class AwsContainer(ServerSection):
    """The server as a service of ECS on Fargate, behind a load balancer."""

    public: Public = False
    domain: Domain | None = Field(
        default=None, description="Host name that the certificate covers; required if enabled."
    )
    certificate: Certificate | None = Field(
        default=None, description="Certificate of the load balancer; required if enabled."
    )
    clients: list[Cidr] = Field(
        default=[],
        description="Networks that may connect if it is not public; empty: the VPC.",
    )
    image: Image | None = Field(default=None, description="Absent: images.server.")
    architecture: Literal["X86_64", "ARM64"] = Field(
        default="X86_64", description="CPU architecture of the image."
    )
    cpu: Literal[256, 512, 1024, 2048, 4096] = Field(
        default=512, description="CPU units of a task; 1024 are one CPU."
    )
    memory_mb: int = Field(default=1024, ge=512, le=30_720, description="Memory of a task in MiB.")
    access_logs_bucket: Annotated[str, constraint(BUCKET)] | None = Field(
        default=None,
        description="A bucket of yours for the load balancer's access log, with its policy.",
    )
    access_log_days: AccessLogDays = None
    web_acl: Annotated[str, constraint(WEB_ACL)] | None = Field(
        default=None, description="Your web ACL of AWS WAF, before the load balancer."
    )
    http_redirect: bool = Field(
        default=True, description="Listen on port 80 too, for a redirect to HTTPS."
    )
    min_instances: int = Field(default=2, ge=1, le=1000, description="Fewest tasks.")
    max_instances: MostInstances = 10
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}
    database: AwsContainerDatabase | None = Field(
        default=None, description="Absent: the server keeps nothing in PostgreSQL."
    )
    servers: dict[str, AwsUserServer] = Field(
        default={},
        description="Servers with the target aws-container, by name. They have the architecture, "
        "access logs, web ACL, redirect and log retention that are set here.",
    )
