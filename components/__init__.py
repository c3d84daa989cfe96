"""The public names of the package; each is imported from its own module on first use."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = (
    False  # type checkers know the name; the typing module costs more than all else here
)
if TYPE_CHECKING:
    from .aws.backup_bucket import AwsBackupBucket as AwsBackupBucket
    from .aws.backup_bucket import AwsBackupBucketArgs as AwsBackupBucketArgs
    from .aws.container import EcsFargate as EcsFargate
    from .aws.container_args import EcsFargateArgs as EcsFargateArgs
    from .aws.database import RdsDataTier as RdsDataTier
    from .aws.database_args import RdsDataTierArgs as RdsDataTierArgs
    from .aws.function import AwsLambda as AwsLambda
    from .aws.function_args import AwsLambdaArgs as AwsLambdaArgs
    from .aws.function_args import LambdaEndpoint as LambdaEndpoint
    from .aws.function_args import Throttle as Throttle
    from .aws.location import AwsLocation as AwsLocation
    from .aws.monitored import AwsMonitoredCache as AwsMonitoredCache
    from .aws.monitored import AwsMonitoredContainer as AwsMonitoredContainer
    from .aws.monitored import AwsMonitoredDatabase as AwsMonitoredDatabase
    from .aws.monitored import AwsMonitoredFunction as AwsMonitoredFunction
    from .aws.monitoring import AwsMonitoring as AwsMonitoring
    from .aws.monitoring_args import AwsBudget as AwsBudget
    from .aws.monitoring_args import AwsMonitoringArgs as AwsMonitoringArgs
    from .aws.network import AwsEgress as AwsEgress
    from .aws.network import AwsNetwork as AwsNetwork
    from .aws.otlp import AwsOtlpReceiver as AwsOtlpReceiver
    from .azure.backup_storage import AzureBackupStorage as AzureBackupStorage
    from .azure.backup_storage import AzureBackupStorageArgs as AzureBackupStorageArgs
    from .azure.backup_storage import AzureKey as AzureKey
    from .azure.backup_storage import AzureWorkloadIdentity as AzureWorkloadIdentity
    from .azure.container import AzureContainerApp as AzureContainerApp
    from .azure.container import AzureContainerGroup as AzureContainerGroup
    from .azure.container_args import AzureContainerAppArgs as AzureContainerAppArgs
    from .azure.container_args import AzureContainerGroupArgs as AzureContainerGroupArgs
    from .azure.database import AzurePostgresqlDataTier as AzurePostgresqlDataTier
    from .azure.database_args import AzurePostgresqlDataTierArgs as AzurePostgresqlDataTierArgs
    from .azure.database_args import EntraPrincipal as EntraPrincipal
    from .azure.function import AzureFunction as AzureFunction
    from .azure.function_args import AzureFunctionArgs as AzureFunctionArgs
    from .azure.location import AzureLocation as AzureLocation
    from .azure.monitored import AzureMonitoredApp as AzureMonitoredApp
    from .azure.monitored import AzureMonitoredCache as AzureMonitoredCache
    from .azure.monitored import AzureMonitoredDatabase as AzureMonitoredDatabase
    from .azure.monitored import AzureMonitoredFunction as AzureMonitoredFunction
    from .azure.monitoring import AzureMonitoring as AzureMonitoring
    from .azure.monitoring_args import AzureBudget as AzureBudget
    from .azure.monitoring_args import AzureMonitoringArgs as AzureMonitoringArgs
    from .azure.otlp import AzureOtlpReceiver as AzureOtlpReceiver
    from .azure.secrets import AzureSecrets as AzureSecrets
    from .base.problems import Problem as Problem
    from .base.problems import ProblemReport as ProblemReport
    from .gcp.access import GcpAccess as GcpAccess
    from .gcp.backup_bucket import GcpBackupBucket as GcpBackupBucket
    from .gcp.backup_bucket import GcpBackupBucketArgs as GcpBackupBucketArgs
    from .gcp.container import CloudRun as CloudRun
    from .gcp.container_args import CloudRunArgs as CloudRunArgs
    from .gcp.database import CloudSqlDataTier as CloudSqlDataTier
    from .gcp.database_args import CloudSqlDataTierArgs as CloudSqlDataTierArgs
    from .gcp.function import GcpFunction as GcpFunction
    from .gcp.function_args import GcpFunctionArgs as GcpFunctionArgs
    from .gcp.location import GcpLocation as GcpLocation
    from .gcp.monitored import GcpMonitoredCache as GcpMonitoredCache
    from .gcp.monitored import GcpMonitoredDatabase as GcpMonitoredDatabase
    from .gcp.monitored import GcpMonitoredService as GcpMonitoredService
    from .gcp.monitoring import GcpMonitoring as GcpMonitoring
    from .gcp.monitoring_args import GcpBudget as GcpBudget
    from .gcp.monitoring_args import GcpMonitoringArgs as GcpMonitoringArgs
    from .gcp.otlp import GcpOtlpReceiver as GcpOtlpReceiver
    from .kubernetes.agentgateway_args import Agentgateway as Agentgateway
    from .kubernetes.backup_storage import BackupStorage as BackupStorage
    from .kubernetes.cloud_identity import AwsIdentity as AwsIdentity
    from .kubernetes.cloud_identity import AzureIdentity as AzureIdentity
    from .kubernetes.cloud_identity import CloudIdentity as CloudIdentity
    from .kubernetes.cloud_identity import GoogleIdentity as GoogleIdentity
    from .kubernetes.cloudnative_pg import CloudNativePgDataTier as CloudNativePgDataTier
    from .kubernetes.cloudnative_pg_args import (
        CloudNativePgDataTierArgs as CloudNativePgDataTierArgs,
    )
    from .kubernetes.cloudnative_pg_args import LoginRole as LoginRole
    from .kubernetes.cloudnative_pg_args import PgBouncer as PgBouncer
    from .kubernetes.cloudnative_pg_backup import ObjectStorage as ObjectStorage
    from .kubernetes.cloudnative_pg_backup import StorageProvider as StorageProvider
    from .kubernetes.container import Claim as Claim
    from .kubernetes.container import Container as Container
    from .kubernetes.container import Files as Files
    from .kubernetes.container import Port as Port
    from .kubernetes.container import Probe as Probe
    from .kubernetes.container import Probes as Probes
    from .kubernetes.container import SecretFiles as SecretFiles
    from .kubernetes.core import MIGRATION as MIGRATION
    from .kubernetes.core import Core as Core
    from .kubernetes.core import CoreArgs as CoreArgs
    from .kubernetes.core import MigrationArgs as MigrationArgs
    from .kubernetes.core import Monolith as Monolith
    from .kubernetes.core import MonolithArgs as MonolithArgs
    from .kubernetes.database_backup import DatabaseBackup as DatabaseBackup
    from .kubernetes.database_backup import DatabaseBackupArgs as DatabaseBackupArgs
    from .kubernetes.dns import Dns as Dns
    from .kubernetes.dns import DnsPods as DnsPods
    from .kubernetes.egress_proxy import EgressProxy as EgressProxy
    from .kubernetes.egress_proxy import EgressProxyArgs as EgressProxyArgs
    from .kubernetes.embedded_data import EmbeddedDataTier as EmbeddedDataTier
    from .kubernetes.embedded_data import EmbeddedDataTierArgs as EmbeddedDataTierArgs
    from .kubernetes.exposure import IpFamilies as IpFamilies
    from .kubernetes.external_secrets import SecretSource as SecretSource
    from .kubernetes.external_secrets import SecretSync as SecretSync
    from .kubernetes.external_secrets import SecretSyncArgs as SecretSyncArgs
    from .kubernetes.external_secrets import SyncedSecret as SyncedSecret
    from .kubernetes.flow import FlowPolicies as FlowPolicies
    from .kubernetes.flow import FlowPoliciesArgs as FlowPoliciesArgs
    from .kubernetes.gateway import Gateway as Gateway
    from .kubernetes.gateway_args import GatewayArgs as GatewayArgs
    from .kubernetes.gateway_args import GatewayEngine as GatewayEngine
    from .kubernetes.gateway_metrics import GatewayMetrics as GatewayMetrics
    from .kubernetes.human_roles import HumanRoles as HumanRoles
    from .kubernetes.human_roles import HumanRolesArgs as HumanRolesArgs
    from .kubernetes.image_metrics import ImageMetrics as ImageMetrics
    from .kubernetes.job import CronJob as CronJob
    from .kubernetes.job import CronJobArgs as CronJobArgs
    from .kubernetes.job import Job as Job
    from .kubernetes.job import JobArgs as JobArgs
    from .kubernetes.keda import ConsensusLatency as ConsensusLatency
    from .kubernetes.keda import Prometheus as Prometheus
    from .kubernetes.keda import ServerMetric as ServerMetric
    from .kubernetes.namespace import ContainerLimits as ContainerLimits
    from .kubernetes.namespace import LockedNamespace as LockedNamespace
    from .kubernetes.namespace import LockedNamespaceArgs as LockedNamespaceArgs
    from .kubernetes.party import Flow as Flow
    from .kubernetes.party import Internet as Internet
    from .kubernetes.party import MetadataServer as MetadataServer
    from .kubernetes.party import Neighbour as Neighbour
    from .kubernetes.party import Outside as Outside
    from .kubernetes.pod_settings import PodSettings as PodSettings
    from .kubernetes.pod_settings import SecretKey as SecretKey
    from .kubernetes.pod_settings import Toleration as Toleration
    from .kubernetes.pod_settings import UserIds as UserIds
    from .kubernetes.postgres_exporter import PostgresExporter as PostgresExporter
    from .kubernetes.qudag_node import NodeProfile as NodeProfile
    from .kubernetes.qudag_node import QudagNode as QudagNode
    from .kubernetes.qudag_node import QudagNodeArgs as QudagNodeArgs
    from .kubernetes.rate_limits import RateLimit as RateLimit
    from .kubernetes.rate_limits import RateLimits as RateLimits
    from .kubernetes.rate_limits import UserLimits as UserLimits
    from .kubernetes.resources import Resources as Resources
    from .kubernetes.routes import Route as Route
    from .kubernetes.scaling import Autoscaling as Autoscaling
    from .kubernetes.scaling import ObjectMetric as ObjectMetric
    from .kubernetes.scaling import Pace as Pace
    from .kubernetes.scaling import PodMetric as PodMetric
    from .kubernetes.secret_stores import AwsStore as AwsStore
    from .kubernetes.secret_stores import AzureStore as AzureStore
    from .kubernetes.secret_stores import GcpStore as GcpStore
    from .kubernetes.secret_stores import VaultStore as VaultStore
    from .kubernetes.server import McpService as McpService
    from .kubernetes.server import ServerArgs as ServerArgs
    from .kubernetes.shared_volume import NfsExport as NfsExport
    from .kubernetes.shared_volume import SharedVolume as SharedVolume
    from .kubernetes.shared_volume import SharedVolumeArgs as SharedVolumeArgs
    from .kubernetes.upstream import Upstream as Upstream
    from .kubernetes.user_server import UserServer as UserServer
    from .kubernetes.user_server_args import Storage as Storage
    from .kubernetes.user_server_args import UserServerArgs as UserServerArgs
    from .kubernetes.valkey_args import ValkeySettings as ValkeySettings
    from .kubernetes.valkey_exporter import ValkeyExporter as ValkeyExporter
    from .kubernetes.valkey_users import ValkeyAccess as ValkeyAccess
    from .kubernetes.valkey_users import ValkeyUser as ValkeyUser
    from .kubernetes.vertical_scaling import ContainerBounds as ContainerBounds
    from .kubernetes.vertical_scaling import CpuBounds as CpuBounds
    from .kubernetes.vertical_scaling import MemoryBounds as MemoryBounds
    from .kubernetes.vertical_scaling import ResizeMode as ResizeMode
    from .kubernetes.vertical_scaling import VerticalScaling as VerticalScaling
    from .kubernetes.volume_backup import ResultsDatabase as ResultsDatabase
    from .kubernetes.volume_backup import VolumeBackup as VolumeBackup
    from .kubernetes.volume_backup import VolumeBackupArgs as VolumeBackupArgs
    from .kubernetes.workload import Exposure as Exposure
    from .kubernetes.workload import Rollout as Rollout
    from .kubernetes.workload import Workload as Workload
    from .kubernetes.workload import WorkloadArgs as WorkloadArgs
    from .kubernetes.workload import WorkloadKind as WorkloadKind
    from .mcp.access import Access as Access
    from .mcp.access import NetworkAccess as NetworkAccess
    from .mcp.archive import Archive as Archive
    from .mcp.auth import AdditionalIssuer as AdditionalIssuer
    from .mcp.auth import Auth as Auth
    from .mcp.auth import PodAuth as PodAuth
    from .mcp.backup_bucket import BackupBucket as BackupBucket
    from .mcp.cache_token import CacheToken as CacheToken
    from .mcp.cloud_alarms import CloudThresholds as CloudThresholds
    from .mcp.cloud_database import CloudDatabase as CloudDatabase
    from .mcp.config_forms import ConfigForm as ConfigForm
    from .mcp.data_tier import CacheCommands as CacheCommands
    from .mcp.data_tier import CacheProfile as CacheProfile
    from .mcp.data_tier import DataTier as DataTier
    from .mcp.data_tier import Stores as Stores
    from .mcp.database import DatabaseToken as DatabaseToken
    from .mcp.era import Era as Era
    from .mcp.external_data import Endpoint as Endpoint
    from .mcp.external_data import ExternalDataTier as ExternalDataTier
    from .mcp.external_data import ExternalDataTierArgs as ExternalDataTierArgs
    from .mcp.objectives import Objectives as Objectives
    from .mcp.protected_resource import ProtectedResource as ProtectedResource
    from .mcp.roles import Role as Role
    from .mcp.server_config import Cache as Cache
    from .mcp.server_config import CloudServerConfig as CloudServerConfig
    from .mcp.server_config import Database as Database
    from .mcp.server_config import LogLevel as LogLevel
    from .mcp.server_config import McpConfig as McpConfig
    from .mcp.server_config import NodeConfig as NodeConfig
    from .mcp.server_config import PodServerConfig as PodServerConfig
    from .mcp.timeout_budget import Distance as Distance
    from .mcp.timeout_budget import TimeoutBudget as TimeoutBudget
    from .mcp.timeout_budget import Timeouts as Timeouts
    from .mcp.traces import TraceReceiver as TraceReceiver
    from .mcp.user_container import UserContainer as UserContainer
    from .observability.alertmanager_workload import Alertmanager as Alertmanager
    from .observability.alertmanager_workload import AlertmanagerArgs as AlertmanagerArgs
    from .observability.blackbox_exporter import BlackboxExporter as BlackboxExporter
    from .observability.blackbox_exporter import BlackboxExporterArgs as BlackboxExporterArgs
    from .observability.grafana import Grafana as Grafana
    from .observability.grafana import GrafanaArgs as GrafanaArgs
    from .observability.grafana_dashboards import GrafanaDashboards as GrafanaDashboards
    from .observability.grafana_dashboards import GrafanaDashboardsArgs as GrafanaDashboardsArgs
    from .observability.grafana_sign_in import GrafanaRoles as GrafanaRoles
    from .observability.grafana_sign_in import GrafanaSignIn as GrafanaSignIn
    from .observability.log_collector import LogCollector as LogCollector
    from .observability.log_collector import LogCollectorArgs as LogCollectorArgs
    from .observability.log_fields import LogMasking as LogMasking
    from .observability.log_forwarder import LogForwarder as LogForwarder
    from .observability.log_forwarder import LogForwarderArgs as LogForwarderArgs
    from .observability.log_forwarder import LogIndexes as LogIndexes
    from .observability.log_forwarder import LogRetention as LogRetention
    from .observability.log_forwarder import StoreLogin as StoreLogin
    from .observability.log_pipeline import LogSink as LogSink
    from .observability.log_pipeline import LogSinkKind as LogSinkKind
    from .observability.log_store import LogStore as LogStore
    from .observability.log_store import LogStoreArgs as LogStoreArgs
    from .observability.operator import OperatorObservability as OperatorObservability
    from .observability.operator import OperatorObservabilityArgs as OperatorObservabilityArgs
    from .observability.otlp_sink import OtlpSink as OtlpSink
    from .observability.platform_files import alert_rules as alert_rules
    from .observability.platform_files import grafana_dashboards as grafana_dashboards
    from .observability.platform_files import scrape_targets as scrape_targets
    from .observability.probes import ProbedTool as ProbedTool
    from .observability.probes import ProbeToken as ProbeToken
    from .observability.rules import AlertOverride as AlertOverride
    from .observability.rules import MonitoredServer as MonitoredServer
    from .observability.rules import RuleOptions as RuleOptions
    from .observability.rules import Thresholds as Thresholds
    from .observability.rules.alert import Severity as Severity
    from .observability.rules.external_exporters import ExternalExporter as ExternalExporter
    from .observability.runbooks_config_map import Runbooks as Runbooks
    from .observability.runbooks_config_map import RunbooksArgs as RunbooksArgs
    from .observability.standalone import StandaloneObservability as StandaloneObservability
    from .observability.standalone import (
        StandaloneObservabilityArgs as StandaloneObservabilityArgs,
    )
    from .observability.targets import ProbedUrl as ProbedUrl
    from .observability.targets import ScrapeTarget as ScrapeTarget
    from .observability.targets import ServiceTarget as ServiceTarget
    from .observability.trace_collector import TraceCollector as TraceCollector
    from .observability.trace_collector import TraceCollectorArgs as TraceCollectorArgs
    from .observability.trace_collector_config import TraceSampling as TraceSampling
    from .observability.trace_store import TraceStore as TraceStore
    from .observability.trace_store import TraceStoreArgs as TraceStoreArgs

_PUBLIC = {
    "aws.backup_bucket": "AwsBackupBucket AwsBackupBucketArgs",
    "aws.container": "EcsFargate",
    "aws.container_args": "EcsFargateArgs",
    "aws.database": "RdsDataTier",
    "aws.database_args": "RdsDataTierArgs",
    "aws.function": "AwsLambda",
    "aws.function_args": "AwsLambdaArgs LambdaEndpoint Throttle",
    "aws.location": "AwsLocation",
    "aws.monitored": (
        "AwsMonitoredCache AwsMonitoredContainer AwsMonitoredDatabase AwsMonitoredFunction"
    ),
    "aws.monitoring": "AwsMonitoring",
    "aws.monitoring_args": "AwsBudget AwsMonitoringArgs",
    "aws.network": "AwsEgress AwsNetwork",
    "aws.otlp": "AwsOtlpReceiver",
    "azure.backup_storage": (
        "AzureBackupStorage AzureBackupStorageArgs AzureKey AzureWorkloadIdentity"
    ),
    "azure.container": "AzureContainerApp AzureContainerGroup",
    "azure.container_args": "AzureContainerAppArgs AzureContainerGroupArgs",
    "azure.database": "AzurePostgresqlDataTier",
    "azure.database_args": "AzurePostgresqlDataTierArgs EntraPrincipal",
    "azure.function": "AzureFunction",
    "azure.function_args": "AzureFunctionArgs",
    "azure.location": "AzureLocation",
    "azure.monitored": (
        "AzureMonitoredApp AzureMonitoredCache AzureMonitoredDatabase AzureMonitoredFunction"
    ),
    "azure.monitoring": "AzureMonitoring",
    "azure.monitoring_args": "AzureBudget AzureMonitoringArgs",
    "azure.otlp": "AzureOtlpReceiver",
    "azure.secrets": "AzureSecrets",
    "base.problems": "Problem ProblemReport",
    "gcp.access": "GcpAccess",
    "gcp.backup_bucket": "GcpBackupBucket GcpBackupBucketArgs",
    "gcp.container": "CloudRun",
    "gcp.container_args": "CloudRunArgs",
    "gcp.database": "CloudSqlDataTier",
    "gcp.database_args": "CloudSqlDataTierArgs",
    "gcp.function": "GcpFunction",
    "gcp.function_args": "GcpFunctionArgs",
    "gcp.location": "GcpLocation",
    "gcp.monitored": "GcpMonitoredCache GcpMonitoredDatabase GcpMonitoredService",
    "gcp.monitoring": "GcpMonitoring",
    "gcp.monitoring_args": "GcpBudget GcpMonitoringArgs",
    "gcp.otlp": "GcpOtlpReceiver",
    "kubernetes.agentgateway_args": "Agentgateway",
    "kubernetes.backup_storage": "BackupStorage",
    "kubernetes.cloud_identity": "AwsIdentity AzureIdentity CloudIdentity GoogleIdentity",
    "kubernetes.cloudnative_pg": "CloudNativePgDataTier",
    "kubernetes.cloudnative_pg_args": "CloudNativePgDataTierArgs LoginRole PgBouncer",
    "kubernetes.cloudnative_pg_backup": "ObjectStorage StorageProvider",
    "kubernetes.container": "Claim Container Files Port Probe Probes SecretFiles",
    "kubernetes.core": "Core CoreArgs MIGRATION MigrationArgs Monolith MonolithArgs",
    "kubernetes.database_backup": "DatabaseBackup DatabaseBackupArgs",
    "kubernetes.dns": "Dns DnsPods",
    "kubernetes.egress_proxy": "EgressProxy EgressProxyArgs",
    "kubernetes.embedded_data": "EmbeddedDataTier EmbeddedDataTierArgs",
    "kubernetes.exposure": "IpFamilies",
    "kubernetes.external_secrets": "SecretSource SecretSync SecretSyncArgs SyncedSecret",
    "kubernetes.flow": "FlowPolicies FlowPoliciesArgs",
    "kubernetes.gateway": "Gateway",
    "kubernetes.gateway_args": "GatewayArgs GatewayEngine",
    "kubernetes.gateway_metrics": "GatewayMetrics",
    "kubernetes.human_roles": "HumanRoles HumanRolesArgs",
    "kubernetes.image_metrics": "ImageMetrics",
    "kubernetes.job": "CronJob CronJobArgs Job JobArgs",
    "kubernetes.keda": "ConsensusLatency Prometheus ServerMetric",
    "kubernetes.namespace": "ContainerLimits LockedNamespace LockedNamespaceArgs",
    "kubernetes.party": "Flow Internet MetadataServer Neighbour Outside",
    "kubernetes.pod_settings": "PodSettings SecretKey Toleration UserIds",
    "kubernetes.postgres_exporter": "PostgresExporter",
    "kubernetes.qudag_node": "NodeProfile QudagNode QudagNodeArgs",
    "kubernetes.rate_limits": "RateLimit RateLimits UserLimits",
    "kubernetes.resources": "Resources",
    "kubernetes.routes": "Route",
    "kubernetes.scaling": "Autoscaling ObjectMetric Pace PodMetric",
    "kubernetes.secret_stores": "AwsStore AzureStore GcpStore VaultStore",
    "kubernetes.server": "McpService ServerArgs",
    "kubernetes.shared_volume": "NfsExport SharedVolume SharedVolumeArgs",
    "kubernetes.upstream": "Upstream",
    "kubernetes.user_server": "UserServer",
    "kubernetes.user_server_args": "Storage UserServerArgs",
    "kubernetes.valkey_args": "ValkeySettings",
    "kubernetes.valkey_exporter": "ValkeyExporter",
    "kubernetes.valkey_users": "ValkeyAccess ValkeyUser",
    "kubernetes.vertical_scaling": (
        "ContainerBounds CpuBounds MemoryBounds ResizeMode VerticalScaling"
    ),
    "kubernetes.volume_backup": "ResultsDatabase VolumeBackup VolumeBackupArgs",
    "kubernetes.workload": "Exposure Rollout Workload WorkloadArgs WorkloadKind",
    "mcp.access": "Access NetworkAccess",
    "mcp.archive": "Archive",
    "mcp.auth": "AdditionalIssuer Auth PodAuth",
    "mcp.backup_bucket": "BackupBucket",
    "mcp.cache_token": "CacheToken",
    "mcp.cloud_alarms": "CloudThresholds",
    "mcp.cloud_database": "CloudDatabase",
    "mcp.config_forms": "ConfigForm",
    "mcp.data_tier": "CacheCommands CacheProfile DataTier Stores",
    "mcp.database": "DatabaseToken",
    "mcp.era": "Era",
    "mcp.external_data": "Endpoint ExternalDataTier ExternalDataTierArgs",
    "mcp.objectives": "Objectives",
    "mcp.protected_resource": "ProtectedResource",
    "mcp.roles": "Role",
    "mcp.server_config": (
        "Cache CloudServerConfig Database LogLevel McpConfig NodeConfig PodServerConfig"
    ),
    "mcp.timeout_budget": "Distance TimeoutBudget Timeouts",
    "mcp.traces": "TraceReceiver",
    "mcp.user_container": "UserContainer",
    "observability.alertmanager_workload": "Alertmanager AlertmanagerArgs",
    "observability.blackbox_exporter": "BlackboxExporter BlackboxExporterArgs",
    "observability.grafana": "Grafana GrafanaArgs",
    "observability.grafana_dashboards": "GrafanaDashboards GrafanaDashboardsArgs",
    "observability.grafana_sign_in": "GrafanaRoles GrafanaSignIn",
    "observability.log_collector": "LogCollector LogCollectorArgs",
    "observability.log_fields": "LogMasking",
    "observability.log_forwarder": (
        "LogForwarder LogForwarderArgs LogIndexes LogRetention StoreLogin"
    ),
    "observability.log_pipeline": "LogSink LogSinkKind",
    "observability.log_store": "LogStore LogStoreArgs",
    "observability.operator": "OperatorObservability OperatorObservabilityArgs",
    "observability.otlp_sink": "OtlpSink",
    "observability.platform_files": "alert_rules grafana_dashboards scrape_targets",
    "observability.probes": "ProbeToken ProbedTool",
    "observability.rules": "AlertOverride MonitoredServer RuleOptions Thresholds",
    "observability.rules.alert": "Severity",
    "observability.rules.external_exporters": "ExternalExporter",
    "observability.runbooks_config_map": "Runbooks RunbooksArgs",
    "observability.standalone": "StandaloneObservability StandaloneObservabilityArgs",
    "observability.targets": "ProbedUrl ScrapeTarget ServiceTarget",
    "observability.trace_collector": "TraceCollector TraceCollectorArgs",
    "observability.trace_collector_config": "TraceSampling",
    "observability.trace_store": "TraceStore TraceStoreArgs",
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names.split()}


if not TYPE_CHECKING:  # to a type checker a name that is not listed above is a mistake

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
        globals()[name] = value  # from now on it is found without asking here
        return value


def __dir__() -> list[str]:
    return sorted(_MODULES)
