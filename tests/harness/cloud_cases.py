"""Args of each component for a cloud, for tests of all of them."""

from __future__ import annotations

from typing import Any, Final

from components.aws.backup_bucket import AwsBackupBucket, AwsBackupBucketArgs
from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs, Throttle
from components.aws.monitored import (
    AwsMonitoredCache,
    AwsMonitoredContainer,
    AwsMonitoredDatabase,
    AwsMonitoredFunction,
)
from components.aws.monitoring import AwsMonitoring
from components.aws.monitoring_args import AwsBudget, AwsMonitoringArgs
from components.aws.otlp import AwsOtlpReceiver
from components.azure.backup_storage import AzureBackupStorage, AzureBackupStorageArgs
from components.azure.container import AzureContainerApp, AzureContainerGroup
from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
from components.azure.database import AzurePostgresqlDataTier
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.azure.function import AzureFunction
from components.azure.function_args import AzureFunctionArgs
from components.azure.monitored import (
    AzureMonitoredApp,
    AzureMonitoredCache,
    AzureMonitoredDatabase,
    AzureMonitoredFunction,
)
from components.azure.monitoring import AzureMonitoring
from components.azure.monitoring_args import AzureBudget, AzureMonitoringArgs
from components.azure.otlp import AzureOtlpReceiver
from components.base.component import Component
from components.gcp.backup_bucket import GcpBackupBucket, GcpBackupBucketArgs
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.gcp.database import CloudSqlDataTier
from components.gcp.database_args import CloudSqlDataTierArgs
from components.gcp.function import GcpFunction
from components.gcp.function_args import GcpFunctionArgs
from components.gcp.monitored import GcpMonitoredCache, GcpMonitoredDatabase, GcpMonitoredService
from components.gcp.monitoring import GcpMonitoring
from components.gcp.monitoring_args import GcpBudget, GcpMonitoringArgs
from components.gcp.otlp import GcpOtlpReceiver
from components.mcp.access import Access, NetworkAccess
from components.mcp.timeout_budget import TimeoutBudget

from .clouds import (
    ARCHIVE,
    AWS,
    AWS_CERTIFICATE,
    AWS_NETWORK,
    AWS_SECRET,
    AWS_TOPIC,
    AWS_WRITER,
    AZURE,
    AZURE_SECRETS,
    AZURE_WRITER,
    CACHE_DNS_ZONE,
    DNS_ZONE,
    GCP,
    GCP_PRIVATE,
    GCP_SECRETS,
    GCP_WRITER,
    NAMED,
    SUBNET,
    cloud_config,
)

_MONITORED: Final = f"/subscriptions/{AZURE.subscription}/resourceGroups/weather/providers"

CLOUD_CASES: Final[dict[str, tuple[type[Component[Any]], Any]]] = {
    "AwsBackupBucket": (
        AwsBackupBucket,
        AwsBackupBucketArgs(location=AWS, data_region="eu-west-1", writer=AWS_WRITER),
    ),
    "AwsMonitoring": (
        AwsMonitoring,
        AwsMonitoringArgs(
            location=AWS,
            emails=["on-call@example.com"],
            functions=[AwsMonitoredFunction(name="weather", function="weather-1a2b3c4d")],
            containers=[
                AwsMonitoredContainer(
                    name="forecast",
                    cluster="forecast-1a2b3c4d",
                    service="forecast-5e6f7a8b",
                    load_balancer="app/forecast-1a2b3c4d/0123456789abcdef",
                    min_instances=2,
                    max_instances=10,
                )
            ],
            databases=[
                AwsMonitoredDatabase(
                    name="data-database",
                    instance="data-1a2b3c4d",
                    machine="db.t4g.medium",
                    storage_gb=20,
                )
            ],
            caches=[AwsMonitoredCache(name="data-cache-1", node="data-1a2b3c4d-001")],
            budget=AwsBudget(amount=500),
        ),
    ),
    "GcpMonitoring": (
        GcpMonitoring,
        GcpMonitoringArgs(
            location=GCP,
            emails=["on-call@example.com"],
            services=[
                GcpMonitoredService(name="weather", service="weather-1a2b3c4d", max_instances=10)
            ],
            databases=[
                GcpMonitoredDatabase(
                    name="data-database", instance="data-1a2b3c4d", machine="db-custom-2-7680"
                )
            ],
            caches=[GcpMonitoredCache(name="data-cache", instance="data-5e6f7a8b")],
            budget=GcpBudget(billing_account="012345-6789AB-CDEF01", amount=500),
        ),
    ),
    "AzureMonitoring": (
        AzureMonitoring,
        AzureMonitoringArgs(
            location=AZURE,
            emails=["on-call@example.com"],
            apps=[
                AzureMonitoredApp(
                    name="forecast",
                    app=f"{_MONITORED}/Microsoft.App/containerApps/forecast-1a2b3c4d",
                    workspace=f"{_MONITORED}/Microsoft.OperationalInsights/workspaces/forecast-logs",
                    cpu=0.5,
                    memory_mb=1024,
                    min_instances=2,
                    max_instances=10,
                )
            ],
            functions=[
                AzureMonitoredFunction(
                    name="weather",
                    app=f"{_MONITORED}/Microsoft.Web/sites/weather-1a2b3c4d",
                    workspace=f"{_MONITORED}/Microsoft.OperationalInsights/workspaces/weather-logs",
                    max_instances=40,
                )
            ],
            databases=[
                AzureMonitoredDatabase(
                    name="data-database",
                    server=f"{_MONITORED}/Microsoft.DBforPostgreSQL/flexibleServers/data-1a2b3c4d",
                    machine="Standard_D2ds_v5",
                )
            ],
            caches=[
                AzureMonitoredCache(
                    name="data-cache",
                    cluster=f"{_MONITORED}/Microsoft.Cache/redisEnterprise/data-5e6f7a8b",
                )
            ],
            budget=AzureBudget(amount=500, start="2026-12"),
        ),
    ),
    "GcpBackupBucket": (
        GcpBackupBucket,
        GcpBackupBucketArgs(location=GCP, data_region="europe-west4", writer=GCP_WRITER),
    ),
    "AzureBackupStorage": (
        AzureBackupStorage,
        AzureBackupStorageArgs(location=AZURE, data_region="northeurope", writer=AZURE_WRITER),
    ),
    "RdsDataTier": (
        RdsDataTier,
        RdsDataTierArgs(location=AWS, network=AWS_NETWORK, allowed_networks=["10.0.1.0/24"]),
    ),
    "CloudSqlDataTier": (
        CloudSqlDataTier,
        CloudSqlDataTierArgs(
            location=GCP_PRIVATE, account="core@acme-prod.iam.gserviceaccount.com", protect=True
        ),
    ),
    "AzurePostgresqlDataTier": (
        AzurePostgresqlDataTier,
        AzurePostgresqlDataTierArgs(
            location=AZURE,
            subnet=SUBNET,
            dns_zone=DNS_ZONE,
            cache_subnet=SUBNET,
            cache_dns_zone=CACHE_DNS_ZONE,
            protect=True,
        ),
    ),
    "AwsLambda": (
        AwsLambda,
        AwsLambdaArgs(
            location=AWS,
            alarm_topic=AWS_TOPIC,
            archive=ARCHIVE,
            config=cloud_config(budget=TimeoutBudget(longest_tool=20)),
            access=Access(public=True),
            websocket=True,
            secrets={"API_KEY": AWS_SECRET},
            throttle=Throttle(burst=40),
        ),
    ),
    "EcsFargate": (
        EcsFargate,
        EcsFargateArgs(
            location=AWS,
            alarm_topic=AWS_TOPIC,
            network=AWS_NETWORK,
            image="example.com/server:1",
            config=cloud_config(domain="mcp.example.com"),
            certificate=AWS_CERTIFICATE,
            access=NetworkAccess(allowed_networks=["10.8.0.0/16"]),
            secrets={"API_KEY": AWS_SECRET},
            otlp=AwsOtlpReceiver(url="https://otlp.example.com", token=AWS_SECRET),
        ),
    ),
    "GcpFunction": (
        GcpFunction,
        GcpFunctionArgs(
            location=GCP_PRIVATE,
            archive=ARCHIVE,
            config=cloud_config(),
            access=NAMED,
            secrets=GCP_SECRETS,
        ),
    ),
    "AzureFunction": (
        AzureFunction,
        AzureFunctionArgs(
            location=AZURE,
            archive=ARCHIVE,
            config=cloud_config(),
            access=NetworkAccess(allowed_networks=["192.0.2.0/24"]),
            secrets=AZURE_SECRETS,
        ),
    ),
    "AzureContainerApp": (
        AzureContainerApp,
        AzureContainerAppArgs(
            location=AZURE,
            image="example.com/server:1",
            config=cloud_config(),
            access=Access(public=True),
            secrets=AZURE_SECRETS,
            otlp=AzureOtlpReceiver(url="https://otlp.example.com"),
        ),
    ),
    "AzureContainerGroup": (
        AzureContainerGroup,
        AzureContainerGroupArgs(
            location=AZURE,
            image="example.com/server:1",
            config=cloud_config(domain="mcp.example.com"),
            subnet=SUBNET,
            otlp=AzureOtlpReceiver(url="https://otlp.example.com"),
        ),
    ),
    "CloudRun": (
        CloudRun,
        CloudRunArgs(
            location=GCP_PRIVATE,
            image="example.com/server:1",
            config=cloud_config(),
            access=NAMED,
            secrets=GCP_SECRETS,
            otlp=GcpOtlpReceiver(
                url="https://otlp.example.com", token=GCP_SECRETS["REDIS_PASSWORD"]
            ),
        ),
    ),
}
