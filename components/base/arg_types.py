"""Types for the fields of args: a plain type with a form or a range."""

from __future__ import annotations

from typing import Annotated, Final

from . import arg_forms, cache_forms, forms, identity_forms, network_forms, postgres_forms
from .constraints import Range

CpuQuantity = Annotated[str, forms.CPU]
ByteSize = Annotated[str, forms.BYTES]
NginxSize = Annotated[str, forms.NGINX_BYTES]
DnsLabel = Annotated[str, forms.DNS_LABEL]
SecretName = Annotated[str, forms.SECRET_NAME]
ObjectName = Annotated[str, forms.OBJECT_NAME]
Domain = Annotated[str, forms.DOMAIN]
Url = Annotated[str, forms.URL]
Origin = Annotated[str, forms.ORIGIN]
JwksUrl = Annotated[str, forms.JWKS_URL]
Audience = Annotated[str, forms.AUDIENCE]
ScopeName = Annotated[str, forms.SCOPE]
Image = Annotated[str, forms.IMAGE]
KubernetesVersion = Annotated[str, forms.POD_SECURITY]
Cidr = Annotated[str, network_forms.CIDR]
Network = Annotated[str, network_forms.NETWORK]
ProxyNetwork = Annotated[str, network_forms.PROXY_NETWORK]
IpAddress = Annotated[str, network_forms.IP_ADDRESS]
LabelKey = Annotated[str, forms.LABEL_KEY]
LabelValue = Annotated[str, forms.LABEL_VALUE]

Host = Annotated[str, arg_forms.HOST]
GroupName = Annotated[str, arg_forms.GROUP]
ToolName = Annotated[str, arg_forms.TOOL]
EgressHost = Annotated[str, arg_forms.EGRESS_HOST]
Path = Annotated[str, arg_forms.PATH]
UrlPath = Annotated[str, arg_forms.URL_PATH]
EndpointPath = Annotated[str, arg_forms.ENDPOINT_PATH]
FileName = Annotated[str, forms.FILE_NAME]
PortName = Annotated[str, arg_forms.PORT_NAME]
Quantity = Annotated[str, arg_forms.QUANTITY]
ResourceName = Annotated[str, arg_forms.RESOURCE_NAME]
PrometheusUrl = Annotated[str, arg_forms.PROMETHEUS_URL]
MetricName = Annotated[str, arg_forms.METRIC]
ValkeySize = Annotated[str, arg_forms.VALKEY_BYTES]
Duration = Annotated[str, arg_forms.DURATION]
ServerName = Annotated[str, arg_forms.SERVER_NAME]
SecretArn = Annotated[str, arg_forms.SECRET_ARN]
Word = Annotated[str, arg_forms.WORD]
HeaderName = Annotated[str, arg_forms.HEADER_NAME]
DataStream = Annotated[str, arg_forms.DATA_STREAM]
DatabaseName = Annotated[str, arg_forms.DATABASE_NAME]
DatabaseUser = Annotated[str, arg_forms.DATABASE_USER]
Multiaddress = Annotated[str, arg_forms.MULTIADDRESS]
SecretVariable = Annotated[str, forms.VARIABLE]
VariableName = Annotated[str, forms.VARIABLE_NAME]
OneLine = Annotated[str, forms.ONE_LINE]
Digest = Annotated[str, arg_forms.DIGEST]
ClusterName = Annotated[str, postgres_forms.CLUSTER_NAME]
PostgresImage = Annotated[str, postgres_forms.POSTGRES_IMAGE]
ParameterName = Annotated[str, postgres_forms.PARAMETER_NAME]
ParameterValue = Annotated[str, postgres_forms.PARAMETER_VALUE]
StorageUrl = Annotated[str, postgres_forms.STORAGE_URL]
CloudIdentity = Annotated[str, postgres_forms.CLOUD_IDENTITY]
BackupFolder = Annotated[str, postgres_forms.BACKUP_FOLDER]
RetentionPolicy = Annotated[str, postgres_forms.RETENTION]
BackupSchedule = Annotated[str, postgres_forms.SCHEDULE]
AwsRole = Annotated[str, identity_forms.AWS_ROLE]
GoogleAccount = Annotated[str, identity_forms.GOOGLE_ACCOUNT]
AzureId = Annotated[str, identity_forms.AZURE_ID]
CacheUser = Annotated[str, cache_forms.CACHE_USER]
CacheName = Annotated[str, cache_forms.CACHE_NAME]
AwsRegion = Annotated[str, cache_forms.AWS_REGION]
EmailAddress = Annotated[str, arg_forms.EMAIL_ADDRESS]
Line = Annotated[str, arg_forms.LINE]
Text = Annotated[str, arg_forms.TEXT]
Document = Annotated[str, arg_forms.DOCUMENT]

_API: Final = "the API server refuses it"
Replicas = Annotated[int, Range(least=1, most=1000, consequence="no pod would serve")]
PoolSize = Annotated[int, Range(least=1, most=1000, consequence="the server would not start")]
KeptConnections = Annotated[
    int, Range(least=0, most=1000, consequence="the server would not start")
]
PoolSeconds = Annotated[int, Range(least=1, most=86_400, consequence="the server would not start")]
ConnectionCount = Annotated[
    int, Range(least=1, most=100_000, consequence="the operator's webhook refuses it")
]
ClusterInstances = Annotated[int, Range(least=1, most=20, consequence="nothing would serve")]
Standbys = Annotated[int, Range(least=0, most=19, consequence="nothing would be acknowledged")]
WalJobs = Annotated[int, Range(least=1, most=64, consequence=_API)]
PodDifference = Annotated[int, Range(least=0, most=1000, consequence=_API)]
PortNumber = Annotated[int, Range(least=1, most=65535, consequence="there is no such port")]
ContainerPort = Annotated[
    int,
    Range(
        least=1024,
        most=65535,
        consequence="a container that runs as nobody may not listen on it",
    ),
]
UserId = Annotated[
    int,
    Range(
        least=1,
        most=2_147_483_647,
        consequence="Pod Security refuses pods that run as root, and no other user has such an id",
    ),
]
WorkerCount = Annotated[int, Range(least=1, most=64, consequence="the server would not start")]
ProxyCount = Annotated[int, Range(least=0, most=10, consequence="the server would not start")]
Utilization = Annotated[int, Range(least=1, most=1000, consequence=_API)]
LatencyMilliseconds = Annotated[int, Range(least=1, most=60_000, consequence=_API)]
MetricTarget = Annotated[int, Range(least=1, most=1_000_000, consequence=_API)]
Percent = Annotated[int, Range(least=1, most=1000, consequence=_API)]
Delay = Annotated[int, Range(least=0, most=3600, consequence=_API)]
Seconds = Annotated[int, Range(least=1, most=3600, consequence=_API)]
Deadline = Annotated[int, Range(least=1, most=86_400, consequence=_API)]
Grace = Annotated[int, Range(least=0, most=14_400, consequence=_API)]
ToolSeconds = Annotated[
    int, Range(least=1, most=3600, consequence="no timeout could be derived from it")
]
DrainSeconds = Annotated[
    int, Range(least=2, most=7200, consequence="no timeout could be derived from it")
]
ClockSkew = Annotated[
    int,
    Range(least=0, most=300, consequence="expired tokens would be accepted for long, or none"),
]
KeysAge = Annotated[
    int,
    Range(
        least=10,
        most=3600,
        consequence="the issuer would get too many requests, or withdrawn keys be used for long",
    ),
]
Attempts = Annotated[int, Range(least=1, most=10_000, consequence=_API)]
StartingDeadline = Annotated[
    int,
    Range(
        least=10,
        most=86_400,
        consequence="the controller looks every 10 seconds: runs would be skipped",
    ),
]
Retries = Annotated[int, Range(least=0, most=100, consequence=_API)]
_NGINX: Final = "nginx would not start, or refuse every call"
PerSecond = Annotated[int, Range(least=1, most=100_000, consequence=_NGINX)]
Burst = Annotated[int, Range(least=0, most=100_000, consequence=_NGINX)]
Connections = Annotated[int, Range(least=1, most=100_000, consequence=_NGINX)]
