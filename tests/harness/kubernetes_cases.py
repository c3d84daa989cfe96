"""Args of each component that runs programs in a cluster, for tests of all components."""

from __future__ import annotations

from typing import Any, Final

from components.base.component import Component
from components.kubernetes.backup_storage import BackupStorage
from components.kubernetes.cloudnative_pg import CloudNativePgDataTier
from components.kubernetes.cloudnative_pg_args import LoginRole, PgBouncer
from components.kubernetes.cloudnative_pg_backup import ObjectStorage
from components.kubernetes.core import Core, Monolith
from components.kubernetes.database_backup import (
    DatabaseBackup,
    DatabaseBackupArgs,
)
from components.kubernetes.egress_proxy import EgressProxy, EgressProxyArgs
from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.external_secrets import (
    SecretSource,
    SecretSync,
    SecretSyncArgs,
    SyncedSecret,
)
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from components.kubernetes.gateway import Gateway, GatewayEngine
from components.kubernetes.human_roles import HumanRoles, HumanRolesArgs
from components.kubernetes.image_metrics import ImageMetrics
from components.kubernetes.job import CronJob, CronJobArgs, Job, JobArgs
from components.kubernetes.namespace import ContainerLimits, LockedNamespace, LockedNamespaceArgs
from components.kubernetes.party import Flow, Neighbour, Outside
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.qudag_node import NodeProfile, QudagNode, QudagNodeArgs
from components.kubernetes.routes import Route
from components.kubernetes.scaling import Autoscaling, PodMetric
from components.kubernetes.secret_stores import VaultStore
from components.kubernetes.server import McpService
from components.kubernetes.shared_volume import NfsExport, SharedVolume, SharedVolumeArgs
from components.kubernetes.upstream import Upstream
from components.kubernetes.user_server import UserServer
from components.kubernetes.user_server_args import Storage
from components.kubernetes.volume_backup import ResultsDatabase, VolumeBackup, VolumeBackupArgs
from components.kubernetes.workload import Exposure, Workload, WorkloadKind
from components.mcp.data_tier import CacheProfile
from components.mcp.external_data import Endpoint, ExternalDataTier, ExternalDataTierArgs
from components.mcp.server_config import Cache, Database, NodeConfig
from components.mcp.traces import TraceReceiver

from .minimal_args import (
    cloudnative_pg,
    config,
    container,
    core,
    data_tier,
    gateway,
    monolith,
    server,
    user_server,
    workload,
)

ENDPOINT = Endpoint(
    host="db.example.com",
    port=5432,
    password=SecretKey(secret="their-database", key="password"),
    authority=SecretKey(secret="their-database", key="ca.crt"),
)

KUBERNETES_CASES: Final[dict[str, tuple[type[Component[Any]], Any]]] = {
    "LockedNamespace": (
        LockedNamespace,
        LockedNamespaceArgs(
            name="qudag", quota={"pods": "10"}, container_limits=ContainerLimits(max={"cpu": "1"})
        ),
    ),
    "HumanRoles": (
        HumanRoles,
        HumanRolesArgs(
            namespace="qudag",
            developers=["oidc:developers"],
            operators=["oidc:on-call"],
            admins=["oidc:platform"],
            deployments=["mcp-core"],
            stateful_sets=["qudag-node"],
            secrets=["mcp-tls-secret"],
        ),
    ),
    "Workload": (
        Workload,
        workload(
            kind=WorkloadKind.STATEFUL_SET,
            scaling=Autoscaling(min=2, max=4, memory=None),
            exposure=Exposure(name="entry", type="LoadBalancer", allowed_from=["192.0.2.0/24"]),
        ),
    ),
    "Job": (Job, JobArgs(namespace="qudag", component="backup", containers=[container(ports=())])),
    "CronJob": (
        CronJob,
        CronJobArgs(
            namespace="qudag",
            component="backup",
            containers=[container(ports=())],
            schedule="@daily",
            concurrency="Replace",
        ),
    ),
    "DatabaseBackup": (
        DatabaseBackup,
        DatabaseBackupArgs(
            namespace="qudag",
            stack="qudag-mcp-prod",
            server_image="example.com/server:1",
            postgres_image="example.com/postgres:17",
            host="postgres-service",
            storage=BackupStorage(url="s3://qudag-backups/prod", key_secret="backup-bucket"),
            passwords_secret="mcp-server-secrets",
            authority_secret="mcp-internal-ca",
        ),
    ),
    "VolumeBackup": (
        VolumeBackup,
        VolumeBackupArgs(
            namespace="qudag",
            stack="qudag-mcp-prod",
            server_image="example.com/server:1",
            storage=BackupStorage(url="s3://qudag-backups/prod", key_secret="backup-bucket"),
            volumes=["models"],
            results=ResultsDatabase(
                host="postgres-service",
                passwords_secret="mcp-server-secrets",
                authority_secret="mcp-internal-ca",
            ),
        ),
    ),
    "FlowPolicies": (
        FlowPolicies,
        FlowPoliciesArgs(
            namespace="qudag",
            workloads=["a"],
            flows=[
                Flow(source="world", target="a", port=443, why="calls"),
                Flow(source="prometheus", target="a", port=9090, why="metrics"),
            ],
            outsides=[Outside(name="world", cidrs=["192.0.2.0/24"])],
            neighbours=[Neighbour(name="prometheus", namespace="monitoring", labels={"a": "b"})],
        ),
    ),
    "EgressProxy": (
        EgressProxy,
        EgressProxyArgs(
            namespace="qudag",
            image="example.com/envoy:1",
            allowed={"weather": ["api.weather.gov:443"]},
            metrics=True,
        ),
    ),
    "Gateway with nginx": (
        Gateway,
        gateway(
            scaling=Autoscaling(min=2, max=3, pod_metrics=[PodMetric(name="rate", average="9")]),
            authorizer=Upstream(host="mcp-auth-service"),
            routes=[Route(name="weather", upstream=Upstream(host="weather-service"))],
        ),
    ),
    "Gateway with an image": (
        Gateway,
        gateway(engine=GatewayEngine.IMAGE, command=["own-gateway"]),
    ),
    "Core": (Core, core(config=config(database=Database(host="db"), cache=Cache(host="cache")))),
    "Monolith": (Monolith, monolith(replicas=1)),
    "McpService": (McpService, server(config=config(name="mcp-auth", role="auth"))),
    "QudagNode of the seed profile": (
        QudagNode,
        QudagNodeArgs(server=server(config=config(name="node", node=NodeConfig()))),
    ),
    "QudagNode of the upstream profile": (
        QudagNode,
        QudagNodeArgs(
            server=server(), profile=NodeProfile.UPSTREAM, peers=["/ip4/192.0.2.1/tcp/1"]
        ),
    ),
    "SecretSync": (
        SecretSync,
        SecretSyncArgs(
            namespace="qudag",
            secrets=[
                SyncedSecret(
                    name="mcp-server-secrets",
                    keys=["database-password"],
                    source=SecretSource.GENERATED,
                )
            ],
            vault=VaultStore(
                address="https://openbao.example.com", role="qudag-mcp", prefix="qudag-mcp-prod"
            ),
        ),
    ),
    "SharedVolume": (
        SharedVolume,
        SharedVolumeArgs(
            namespace="qudag",
            size="100Gi",
            nfs=NfsExport(server="nfs.example.com", path="/exports/models"),
        ),
    ),
    "UserServer": (
        UserServer,
        user_server(
            env={"UNITS": "metric"},
            secret_env={"API_KEY": SecretKey(secret="weather", key="api-key")},
            files={"/etc/weather/config.yaml": "units: metric"},
            storage=Storage(path="/data", size="1Gi"),
            replicas=1,
            volumes={"models": "/models"},
            authority_secret="mcp-internal-ca",
            metrics=ImageMetrics(port=9100, path="/stats"),
            traces=TraceReceiver(host="trace-collector-service.qudag-mcp-monitoring.svc"),
        ),
    ),
    "EmbeddedDataTier for sessions": (EmbeddedDataTier, data_tier()),
    "EmbeddedDataTier for a cache": (
        EmbeddedDataTier,
        data_tier(cache_profile=CacheProfile.CACHE),
    ),
    "CloudNativePgDataTier": (
        CloudNativePgDataTier,
        cloudnative_pg(
            cluster="postgres",
            backup=ObjectStorage(
                provider="aws",
                url="s3://acme-backups/postgres",
                identity="arn:aws:iam::123456789012:role/postgres-backups",
                networks=["10.1.0.0/28"],
            ),
            pooler=PgBouncer(),
            roles=[LoginRole(name="qudag_audit", password_secret="mcp-audit")],
            prometheus=Neighbour(name="prometheus", namespace="monitoring", labels={"a": "b"}),
        ),
    ),
    "ExternalDataTier": (
        ExternalDataTier,
        ExternalDataTierArgs(database_endpoint=ENDPOINT, cache_endpoint=ENDPOINT),
    ),
}
