"""What holds for each component: its family, its outputs, and its args in both forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, cast

import pulumi
import pytest

from components.aws.backup_bucket import AwsBackupBucket, AwsBackupBucketArgs
from components.aws.container import EcsFargate
from components.aws.container_args import EcsFargateArgs
from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs, Throttle
from components.azure.backup_storage import AzureBackupStorage, AzureBackupStorageArgs
from components.azure.container import AzureContainerApp, AzureContainerGroup
from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
from components.azure.database import AzurePostgresqlDataTier
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.azure.function import AzureFunction
from components.azure.function_args import AzureFunctionArgs
from components.base.arguments import camel
from components.base.component import Component
from components.base.problems import ProblemReport
from components.base.tokens import TYPE_TOKENS
from components.gcp.backup_bucket import GcpBackupBucket, GcpBackupBucketArgs
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.gcp.database import CloudSqlDataTier
from components.gcp.database_args import CloudSqlDataTierArgs
from components.gcp.function import GcpFunction
from components.gcp.function_args import GcpFunctionArgs
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
from components.kubernetes.volume_backup import VolumeBackup, VolumeBackupArgs
from components.kubernetes.workload import Exposure, Workload, WorkloadKind
from components.mcp.access import Access, NetworkAccess
from components.mcp.data_tier import CacheProfile
from components.mcp.external_data import Endpoint, ExternalDataTier, ExternalDataTierArgs
from components.mcp.server_config import Cache, Database, NodeConfig
from components.mcp.target import McpTarget
from components.mcp.timeout_budget import TimeoutBudget
from components.observability.grafana_dashboards import GrafanaDashboards, GrafanaDashboardsArgs
from components.observability.operator import OperatorObservability, OperatorObservabilityArgs
from components.observability.standalone import (
    StandaloneObservability,
    StandaloneObservabilityArgs,
)
from components.observability.targets import ScrapeTarget
from graph.resource_graph import UNKNOWN
from tests.harness import ResourceGraph, record
from tests.harness.clouds import (
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
from tests.harness.graph_queries import ancestry
from tests.harness.minimal_args import (
    ISSUER,
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

CREATE_NOTHING = (ExternalDataTier,)

CASES: dict[str, tuple[type[Component[Any]], Any]] = {
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
        ),
    ),
    "EmbeddedDataTier for sessions": (EmbeddedDataTier, data_tier()),
    "EmbeddedDataTier for a cache": (
        EmbeddedDataTier,
        data_tier(cache_profile=CacheProfile.CACHE),
    ),
    "AwsBackupBucket": (
        AwsBackupBucket,
        AwsBackupBucketArgs(location=AWS, data_region="eu-west-1", writer=AWS_WRITER),
    ),
    "GcpBackupBucket": (
        GcpBackupBucket,
        GcpBackupBucketArgs(location=GCP, data_region="europe-west4", writer=GCP_WRITER),
    ),
    "AzureBackupStorage": (
        AzureBackupStorage,
        AzureBackupStorageArgs(location=AZURE, data_region="northeurope", writer=AZURE_WRITER),
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
        ),
    ),
    "AzureContainerGroup": (
        AzureContainerGroup,
        AzureContainerGroupArgs(
            location=AZURE,
            image="example.com/server:1",
            config=cloud_config(domain="mcp.example.com"),
            subnet=SUBNET,
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
        ),
    ),
}
each_component = pytest.mark.parametrize(("component", "args"), CASES.values(), ids=CASES)


def made(component: type[Component[Any]], args: Any) -> ResourceGraph:
    return record(lambda: component("node", args))


def written(args: Any, spelling: Any = camel) -> Any:
    """Args as another Pulumi language hands them over: plain values under camelCase keys."""
    if isinstance(args, Enum):
        return args.value
    if is_dataclass(args):
        values = {f.name: getattr(args, f.name) for f in fields(args)}
        return {spelling(name): written(v, spelling) for name, v in values.items()}
    if isinstance(args, Mapping):
        pairs = cast("Mapping[str, Any]", args)
        return {key: written(value, spelling) for key, value in pairs.items()}
    if isinstance(args, Sequence) and not isinstance(args, str):
        return [written(item, spelling) for item in cast("Sequence[Any]", args)]
    return args


def test_there_is_a_case_for_each_component():
    assert {component.__name__ for component, _ in CASES.values()} == set(TYPE_TOKENS)


@each_component
def test_every_resource_descends_from_the_component(component: type[Component[Any]], args: Any):
    graph = made(component, args)
    token = TYPE_TOKENS[component.__name__]
    objects = [resource for resource in graph.resources if resource.custom]
    assert objects or component in CREATE_NOTHING
    assert all(token in ancestry(graph, resource) for resource in objects)


@each_component
def test_every_resource_is_named_after_the_component(component: type[Component[Any]], args: Any):
    given = made(component, args)
    named = {r.name for r in given.resources if r.custom}
    assert all(name.startswith("node-") for name in named)


@each_component
def test_every_annotated_output_is_registered(component: type[Component[Any]], args: Any):
    resource = made(component, args).one(TYPE_TOKENS[component.__name__], name="node")
    registered = set(resource.outputs)
    assert registered == set(component.outputs())


@each_component
@pytest.mark.parametrize("spelling", [camel, str], ids=["camelCase", "snake_case"])
def test_a_mapping_of_args_means_the_same_as_the_dataclass(
    component: type[Component[Any]], args: Any, spelling: Any
):
    assert made(component, written(args, spelling)) == made(component, args)


@each_component
def test_an_unknown_arg_is_refused_with_the_nearest_one(component: type[Component[Any]], args: Any):
    mapping = written(args)
    key = next(iter(mapping))
    misspelt = key[:-1] + "xe"
    with pytest.raises(ProblemReport) as report:
        made(component, mapping | {misspelt: mapping[key]})
    (problem,) = report.value.problems
    assert (problem.path, problem.fix) == (f"node.{misspelt}", f"write {key}")


@each_component
def test_all_missing_args_are_reported_at_once(component: type[Component[Any]], args: Any):
    with pytest.raises(ProblemReport) as report:
        made(component, {})
    required = {
        camel(f.name)
        for f in fields(component.args_type)
        if f.default is f.default_factory  # both are MISSING
    }
    assert {p.path for p in report.value.problems} == {f"node.{name}" for name in required}


def test_the_callers_options_are_inherited():
    args = CASES["LockedNamespace"][1]
    protected = pulumi.ResourceOptions(protect=True)
    graph = record(lambda: LockedNamespace("node", args, protected))
    assert all(resource.protect for resource in graph.resources if resource.custom)


TARGETS = {name: case for name, case in CASES.items() if issubclass(case[0], McpTarget)}


def test_there_is_a_target_on_every_cloud_and_in_the_cluster():
    assert {component.__name__ for component, _ in TARGETS.values()} == {
        *("Gateway", "Monolith", "AwsLambda", "EcsFargate"),
        *("GcpFunction", "CloudRun", "AzureFunction"),
        *("AzureContainerApp", "AzureContainerGroup"),
    }


@pytest.mark.parametrize(("component", "args"), TARGETS.values(), ids=TARGETS)
def test_every_target_gives_the_same_outputs(component: type[Component[Any]], args: Any):
    outputs = made(component, args).one(TYPE_TOKENS[component.__name__], name="node").outputs
    assert {"mcp_url", "prm_url", "issuer", "era"} <= outputs.keys()
    if outputs["mcp_url"] != UNKNOWN:  # an address that only the cloud makes up
        base = outputs["mcp_url"].removesuffix("/mcp")
        assert base.startswith("https://")
        assert outputs["prm_url"] == f"{base}/.well-known/oauth-protected-resource/mcp"
    assert outputs["issuer"] == ISSUER
    assert outputs["era"] == "dual"
