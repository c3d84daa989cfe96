"""What other programs import; a name brings its own module along, and no other."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = (
    False  # type checkers know the name; the typing module costs more than all else here
)
if TYPE_CHECKING:
    from .aws.container import EcsFargate as EcsFargate
    from .aws.container import EcsFargateArgs as EcsFargateArgs
    from .aws.database import Rds as Rds
    from .aws.function import AwsLambda as AwsLambda
    from .aws.function import AwsLambdaArgs as AwsLambdaArgs
    from .aws.function_endpoints import LambdaFront as LambdaFront
    from .aws.function_endpoints import Throttle as Throttle
    from .aws.location import AwsLocation as AwsLocation
    from .aws.network import AwsNetwork as AwsNetwork
    from .azure.container import AzureContainer as AzureContainer
    from .azure.container_args import AzureContainerArgs as AzureContainerArgs
    from .azure.container_args import AzureContainerKind as AzureContainerKind
    from .azure.database import AzurePostgresql as AzurePostgresql
    from .azure.function import AzureAccess as AzureAccess
    from .azure.function import AzureFunction as AzureFunction
    from .azure.function import AzureFunctionArgs as AzureFunctionArgs
    from .azure.location import AzureLocation as AzureLocation
    from .azure.resource_group import AzureSecrets as AzureSecrets
    from .base.problems import Problem as Problem
    from .base.problems import ProblemReport as ProblemReport
    from .data_tier import DataTier as DataTier
    from .data_tier import DataTierArgs as DataTierArgs
    from .gcp.container import CloudRun as CloudRun
    from .gcp.container import CloudRunArgs as CloudRunArgs
    from .gcp.database import CloudSql as CloudSql
    from .gcp.function import GcpFunction as GcpFunction
    from .gcp.function import GcpFunctionArgs as GcpFunctionArgs
    from .gcp.identity import GcpAccess as GcpAccess
    from .gcp.location import GcpLocation as GcpLocation
    from .kubernetes.container import Claim as Claim
    from .kubernetes.container import Container as Container
    from .kubernetes.container import Files as Files
    from .kubernetes.container import Port as Port
    from .kubernetes.container import Probe as Probe
    from .kubernetes.container import Probes as Probes
    from .kubernetes.container import Resources as Resources
    from .kubernetes.container import SecretFiles as SecretFiles
    from .kubernetes.core import MIGRATION as MIGRATION
    from .kubernetes.core import Core as Core
    from .kubernetes.core import CoreArgs as CoreArgs
    from .kubernetes.core import MigrationArgs as MigrationArgs
    from .kubernetes.core import Monolith as Monolith
    from .kubernetes.core import MonolithArgs as MonolithArgs
    from .kubernetes.embedded_data import Embedded as Embedded
    from .kubernetes.flow import Flow as Flow
    from .kubernetes.flow import FlowPolicies as FlowPolicies
    from .kubernetes.flow import FlowPoliciesArgs as FlowPoliciesArgs
    from .kubernetes.flow import Neighbour as Neighbour
    from .kubernetes.flow import Outside as Outside
    from .kubernetes.gateway import Gateway as Gateway
    from .kubernetes.gateway import GatewayArgs as GatewayArgs
    from .kubernetes.gateway import GatewayEngine as GatewayEngine
    from .kubernetes.gateway import RateLimit as RateLimit
    from .kubernetes.gateway import RateLimits as RateLimits
    from .kubernetes.gateway import Upstream as Upstream
    from .kubernetes.job import CronJob as CronJob
    from .kubernetes.job import CronJobArgs as CronJobArgs
    from .kubernetes.job import Job as Job
    from .kubernetes.job import JobArgs as JobArgs
    from .kubernetes.namespace import ContainerLimits as ContainerLimits
    from .kubernetes.namespace import LockedNamespace as LockedNamespace
    from .kubernetes.namespace import LockedNamespaceArgs as LockedNamespaceArgs
    from .kubernetes.qudag_node import NodeProfile as NodeProfile
    from .kubernetes.qudag_node import QudagNode as QudagNode
    from .kubernetes.qudag_node import QudagNodeArgs as QudagNodeArgs
    from .kubernetes.scaling import Autoscaling as Autoscaling
    from .kubernetes.scaling import ObjectMetric as ObjectMetric
    from .kubernetes.scaling import Pace as Pace
    from .kubernetes.scaling import PodMetric as PodMetric
    from .kubernetes.server import McpService as McpService
    from .kubernetes.server import ServerArgs as ServerArgs
    from .kubernetes.workload import Exposure as Exposure
    from .kubernetes.workload import Rollout as Rollout
    from .kubernetes.workload import Workload as Workload
    from .kubernetes.workload import WorkloadArgs as WorkloadArgs
    from .kubernetes.workload import WorkloadKind as WorkloadKind
    from .mcp.archive import Archive as Archive
    from .mcp.data_contract import CacheProfile as CacheProfile
    from .mcp.server_config import Auth as Auth
    from .mcp.server_config import Cache as Cache
    from .mcp.server_config import CloudServerConfig as CloudServerConfig
    from .mcp.server_config import Database as Database
    from .mcp.server_config import McpConfig as McpConfig
    from .mcp.server_config import NodeConfig as NodeConfig
    from .mcp.server_config import PodAuth as PodAuth
    from .mcp.server_config import PodServerConfig as PodServerConfig
    from .mcp.timeout_budget import Distance as Distance
    from .mcp.timeout_budget import TimeoutBudget as TimeoutBudget
    from .mcp.timeout_budget import Timeouts as Timeouts

_PUBLIC = {
    "aws.container": "EcsFargate EcsFargateArgs",
    "aws.database": "Rds",
    "aws.function": "AwsLambda AwsLambdaArgs",
    "aws.function_endpoints": "LambdaFront Throttle",
    "aws.location": "AwsLocation",
    "aws.network": "AwsNetwork",
    "azure.container": "AzureContainer",
    "azure.container_args": "AzureContainerArgs AzureContainerKind",
    "azure.database": "AzurePostgresql",
    "azure.function": "AzureAccess AzureFunction AzureFunctionArgs",
    "azure.location": "AzureLocation",
    "azure.resource_group": "AzureSecrets",
    "base.problems": "Problem ProblemReport",
    "data_tier": "DataTier DataTierArgs",
    "gcp.container": "CloudRun CloudRunArgs",
    "gcp.database": "CloudSql",
    "gcp.function": "GcpFunction GcpFunctionArgs",
    "gcp.identity": "GcpAccess",
    "gcp.location": "GcpLocation",
    "kubernetes.container": "Claim Container Files Port Probe Probes Resources SecretFiles",
    "kubernetes.core": "MIGRATION Core CoreArgs MigrationArgs Monolith MonolithArgs",
    "kubernetes.embedded_data": "Embedded",
    "kubernetes.flow": "Flow FlowPolicies FlowPoliciesArgs Neighbour Outside",
    "kubernetes.gateway": "Gateway GatewayArgs GatewayEngine RateLimit RateLimits Upstream",
    "kubernetes.job": "CronJob CronJobArgs Job JobArgs",
    "kubernetes.namespace": "ContainerLimits LockedNamespace LockedNamespaceArgs",
    "kubernetes.qudag_node": "NodeProfile QudagNode QudagNodeArgs",
    "kubernetes.scaling": "Autoscaling ObjectMetric Pace PodMetric",
    "kubernetes.server": "McpService ServerArgs",
    "kubernetes.workload": "Exposure Rollout Workload WorkloadArgs WorkloadKind",
    "mcp.archive": "Archive",
    "mcp.data_contract": "CacheProfile",
    "mcp.server_config": (
        "Auth Cache CloudServerConfig Database McpConfig NodeConfig PodAuth PodServerConfig"
    ),
    "mcp.timeout_budget": "Distance Timeouts TimeoutBudget",
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
