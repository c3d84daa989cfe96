"""Args of each component for a cluster, for tests of all of them."""

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
from components.kubernetes.user_server import Storage, UserServer
from components.kubernetes.volume_backup import ResultsDatabase, VolumeBackup, VolumeBackupArgs
from components.kubernetes.workload import Exposure, Workload, WorkloadKind
from components.mcp.data_tier import CacheProfile
from components.mcp.external_data import Endpoint, ExternalDataTier, ExternalDataTierArgs
from components.mcp.server_config import Cache, Database, NodeConfig
from components.observability.alertmanager_workload import Alertmanager, AlertmanagerArgs
from components.observability.blackbox_exporter import BlackboxExporter, BlackboxExporterArgs
from components.observability.grafana import Grafana, GrafanaArgs
from components.observability.grafana_dashboards import GrafanaDashboards, GrafanaDashboardsArgs
from components.observability.log_collector import LogCollector, LogCollectorArgs
from components.observability.log_forwarder import (
    LogForwarder,
    LogForwarderArgs,
    LogIndexes,
    LogRetention,
    StoreLogin,
)
from components.observability.log_pipeline import LogSink
from components.observability.log_store import LogStore, LogStoreArgs
from components.observability.operator import OperatorObservability, OperatorObservabilityArgs
from components.observability.probes import ProbedTool, ProbeToken
from components.observability.runbooks_config_map import Runbooks, RunbooksArgs
from components.observability.standalone import (
    StandaloneObservability,
    StandaloneObservabilityArgs,
)
from components.observability.targets import ProbedUrl, ScrapeTarget, ServiceTarget
from components.observability.trace_collector import TraceCollector, TraceCollectorArgs
from components.observability.trace_collector_config import TraceSink
from components.observability.trace_store import TraceStore, TraceStoreArgs

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
    "GrafanaDashboards": (
        GrafanaDashboards,
        GrafanaDashboardsArgs(
            namespace="qudag",
            dashboards={"overview": '{"title": "Overview", "uid": "overview", "panels": []}'},
        ),
    ),
    "Runbooks": (Runbooks, RunbooksArgs(namespace="qudag", pages={"ServerDown": "Look at it."})),
    "OperatorObservability": (
        OperatorObservability,
        OperatorObservabilityArgs(
            namespace="qudag",
            rules="groups: [{name: servers, rules: [{alert: Down, expr: up == 0}]}]",
            targets=[
                ScrapeTarget(
                    name="mcp-core",
                    namespace="qudag",
                    labels={"app": "mcp-core"},
                    ports={"metrics": "server"},
                )
            ],
            labels={"release": "kube-prometheus-stack"},
            prober="http://blackbox-exporter.monitoring.svc:9115",
            probed=[
                ProbedUrl(
                    module="metadata",
                    url="https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
                    instance="https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
                    namespace="qudag",
                )
            ],
            modules="modules: {metadata: {prober: http}}",
        ),
    ),
    "Alertmanager": (
        Alertmanager,
        AlertmanagerArgs(
            namespace="qudag-monitoring",
            image="docker.io/prom/alertmanager:v0.35.0",
            config="route: {receiver: chat}\n"
            "receivers:\n"
            "- name: chat\n"
            "  webhook_configs: [{url_file: /etc/alertmanager-secrets/a/b}]",
            secrets=[SecretKey(secret="a", key="b")],
            tls_secret="mcp-internal-tls-alertmanager",
        ),
    ),
    "BlackboxExporter": (
        BlackboxExporter,
        BlackboxExporterArgs(
            namespace="qudag-monitoring",
            image="docker.io/prom/blackbox-exporter:v0.28.0",
            domain="mcp.example.com",
            tls_secret="mcp-internal-tls-blackbox-exporter",
            authority=SecretKey(secret="public-ca", key="ca.crt"),
            token=ProbeToken(
                url="https://login.example.com/oauth/token",
                client_id="mcp-probe",
                client_secret=SecretKey(secret="mcp-probe", key="client-secret"),
                scopes=["mcp:tools"],
                authority=SecretKey(secret="mcp-probe", key="ca.crt"),
            ),
            tool=ProbedTool(name="echo", arguments='{"text": "here"}', answer="here"),
        ),
    ),
    "Grafana": (
        Grafana,
        GrafanaArgs(
            namespace="qudag-monitoring",
            image="docker.io/grafana/grafana:13.2.3",
            dashboards={"overview": '{"title": "Overview", "uid": "overview", "panels": []}'},
            admin_secret="mcp-grafana",
            tls_secret="mcp-internal-tls-grafana",
            ca_secret="mcp-internal-ca",
            prometheus_login="prometheus-login",
            traces=ServiceTarget(name="trace-store", port=16686),
        ),
    ),
    "LogCollector": (
        LogCollector,
        LogCollectorArgs(
            namespace="qudag-logs",
            namespaces={"platform": "qudag"},
            image="docker.io/otel/opentelemetry-collector-contrib:0.161.0",
            services=["mcp-core"],
            sink=LogSink(
                kind="otlp",
                url="https://logs.example.com/otlp",
                token=SecretKey(secret="log-sink", key="token"),
                ca=SecretKey(secret="log-sink", key="ca.crt"),
            ),
        ),
    ),
    "LogForwarder": (
        LogForwarder,
        LogForwarderArgs(
            namespace="qudag-monitoring",
            image="ghcr.io/qudag/qudag-mcp-server:0.1.0",
            store=LogIndexes(
                kind="opensearch",
                url="https://search.example.com:9200",
                ca=SecretKey(secret="log-sink", key="ca.crt"),
            ),
            login=StoreLogin(user="logs", key=SecretKey(secret="log-sink", key="password")),
            retention=LogRetention(
                login=StoreLogin(key=SecretKey(secret="log-retention", key="token"))
            ),
            tls_secret="mcp-internal-tls-log-forwarder",
        ),
    ),
    "LogStore": (
        LogStore,
        LogStoreArgs(
            namespace="qudag-monitoring",
            image="docker.io/victoriametrics/victoria-logs:v1.52.2",
            tls_secret="mcp-internal-tls-log-store",
        ),
    ),
    "TraceCollector": (
        TraceCollector,
        TraceCollectorArgs(
            namespace="qudag-monitoring",
            image="docker.io/otel/opentelemetry-collector-contrib:0.161.0",
            tls_secret="mcp-internal-tls-trace-collector",
            longest_seconds=65,
            sink=TraceSink(
                endpoint="https://traces.example.com/otlp",
                token=SecretKey(secret="trace-sink", key="token"),
                ca=SecretKey(secret="trace-sink", key="ca.crt"),
            ),
        ),
    ),
    "TraceStore": (
        TraceStore,
        TraceStoreArgs(
            namespace="qudag-monitoring",
            image="docker.io/jaegertracing/jaeger:2.13.0",
            tls_secret="mcp-internal-tls-trace-store",
        ),
    ),
    "StandaloneObservability": (
        StandaloneObservability,
        StandaloneObservabilityArgs(
            namespace="qudag-monitoring",
            namespaces={"platform": "qudag"},
            image="docker.io/prom/prometheus:v3.16.0",
            targets=[
                ScrapeTarget(
                    name="mcp-core",
                    namespace="qudag",
                    labels={"app": "mcp-core"},
                    ports={"metrics": "server"},
                )
            ],
            services=[ServiceTarget(name="alertmanager", port=9093)],
            tls_secret="mcp-internal-tls-prometheus",
            ca_secret="mcp-internal-ca",
            rules="groups: [{name: servers, rules: [{alert: Down, expr: up == 0}]}]",
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
