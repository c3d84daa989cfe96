"""What other programs import; a name brings its own module along, and no other."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = (
    False  # type checkers know the name; the typing module costs more than all else here
)
if TYPE_CHECKING:
    from .archive import Archive as Archive
    from .azure import AzureSecrets as AzureSecrets
    from .budget import Distance as Distance
    from .budget import Hop as Hop
    from .budget import TimeoutBudget as TimeoutBudget
    from .container import Claim as Claim
    from .container import Container as Container
    from .container import Files as Files
    from .container import Port as Port
    from .container import Probe as Probe
    from .container import Probes as Probes
    from .container import Resources as Resources
    from .container import SecretFiles as SecretFiles
    from .containers.azure_container import AzureContainer as AzureContainer
    from .containers.azure_container_args import AzureContainerArgs as AzureContainerArgs
    from .containers.azure_container_args import AzureContainerKind as AzureContainerKind
    from .containers.cloud_run import CloudRun as CloudRun
    from .containers.cloud_run import CloudRunArgs as CloudRunArgs
    from .containers.ecs_fargate import EcsFargate as EcsFargate
    from .containers.ecs_fargate import EcsFargateArgs as EcsFargateArgs
    from .core import MIGRATION as MIGRATION
    from .core import Core as Core
    from .core import CoreArgs as CoreArgs
    from .core import MigrationArgs as MigrationArgs
    from .core import Monolith as Monolith
    from .core import MonolithArgs as MonolithArgs
    from .data_tier import DataTier as DataTier
    from .data_tier import DataTierArgs as DataTierArgs
    from .databases.azure_postgresql import AzurePostgresql as AzurePostgresql
    from .databases.cloud_sql import CloudSql as CloudSql
    from .databases.contents import CacheProfile as CacheProfile
    from .databases.embedded import Embedded as Embedded
    from .databases.rds import Rds as Rds
    from .flow import Flow as Flow
    from .flow import FlowPolicies as FlowPolicies
    from .flow import FlowPoliciesArgs as FlowPoliciesArgs
    from .flow import Neighbour as Neighbour
    from .flow import Outside as Outside
    from .functions.aws_fronts import LambdaFront as LambdaFront
    from .functions.aws_fronts import Throttle as Throttle
    from .functions.aws_lambda import AwsLambda as AwsLambda
    from .functions.aws_lambda import AwsLambdaArgs as AwsLambdaArgs
    from .functions.azure_function import AzureAccess as AzureAccess
    from .functions.azure_function import AzureFunction as AzureFunction
    from .functions.azure_function import AzureFunctionArgs as AzureFunctionArgs
    from .functions.gcp_function import GcpFunction as GcpFunction
    from .functions.gcp_function import GcpFunctionArgs as GcpFunctionArgs
    from .gateway import Gateway as Gateway
    from .gateway import GatewayArgs as GatewayArgs
    from .gateway import GatewayEngine as GatewayEngine
    from .gateway import RateLimit as RateLimit
    from .gateway import RateLimits as RateLimits
    from .gateway import Upstream as Upstream
    from .gcp import GcpAccess as GcpAccess
    from .namespace import ContainerLimits as ContainerLimits
    from .namespace import LockedNamespace as LockedNamespace
    from .namespace import LockedNamespaceArgs as LockedNamespaceArgs
    from .places import AwsNetwork as AwsNetwork
    from .places import AwsPlace as AwsPlace
    from .places import AzurePlace as AzurePlace
    from .places import GcpPlace as GcpPlace
    from .problems import Problem as Problem
    from .problems import ProblemReport as ProblemReport
    from .qudag_node import NodeProfile as NodeProfile
    from .qudag_node import QudagNode as QudagNode
    from .qudag_node import QudagNodeArgs as QudagNodeArgs
    from .scaling import Autoscaling as Autoscaling
    from .scaling import ObjectMetric as ObjectMetric
    from .scaling import Pace as Pace
    from .scaling import PodMetric as PodMetric
    from .server import McpService as McpService
    from .server import ServerArgs as ServerArgs
    from .server_config import Auth as Auth
    from .server_config import Cache as Cache
    from .server_config import Database as Database
    from .server_config import NodeConfig as NodeConfig
    from .server_config import ServerConfig as ServerConfig
    from .workload import Exposure as Exposure
    from .workload import Rollout as Rollout
    from .workload import Workload as Workload
    from .workload import WorkloadArgs as WorkloadArgs
    from .workload import WorkloadKind as WorkloadKind

_PUBLIC = {
    "archive": "Archive",
    "azure": "AzureSecrets",
    "budget": "Distance Hop TimeoutBudget",
    "container": "Claim Container Files Port Probe Probes Resources SecretFiles",
    "containers.azure_container": "AzureContainer",
    "containers.azure_container_args": "AzureContainerArgs AzureContainerKind",
    "containers.cloud_run": "CloudRun CloudRunArgs",
    "containers.ecs_fargate": "EcsFargate EcsFargateArgs",
    "core": "MIGRATION Core CoreArgs MigrationArgs Monolith MonolithArgs",
    "data_tier": "DataTier DataTierArgs",
    "databases.contents": "CacheProfile",
    "databases.embedded": "Embedded",
    "databases.azure_postgresql": "AzurePostgresql",
    "databases.cloud_sql": "CloudSql",
    "databases.rds": "Rds",
    "flow": "Flow FlowPolicies FlowPoliciesArgs Neighbour Outside",
    "functions.aws_fronts": "LambdaFront Throttle",
    "functions.aws_lambda": "AwsLambda AwsLambdaArgs",
    "functions.azure_function": "AzureAccess AzureFunction AzureFunctionArgs",
    "functions.gcp_function": "GcpFunction GcpFunctionArgs",
    "gateway": "Gateway GatewayArgs GatewayEngine RateLimit RateLimits Upstream",
    "gcp": "GcpAccess",
    "namespace": "ContainerLimits LockedNamespace LockedNamespaceArgs",
    "places": "AwsNetwork AwsPlace AzurePlace GcpPlace",
    "problems": "Problem ProblemReport",
    "qudag_node": "NodeProfile QudagNode QudagNodeArgs",
    "scaling": "Autoscaling ObjectMetric Pace PodMetric",
    "server": "McpService ServerArgs",
    "server_config": "Auth Cache Database NodeConfig ServerConfig",
    "workload": "Exposure Rollout Workload WorkloadArgs WorkloadKind",
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
