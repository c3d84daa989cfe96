"""Args of each component that monitors a platform, for tests of all components."""

from __future__ import annotations

from typing import Any, Final

from components.base.component import Component
from components.kubernetes.pod_settings import SecretKey
from components.observability.alertmanager_workload import Alertmanager, AlertmanagerArgs
from components.observability.blackbox_exporter import BlackboxExporter, BlackboxExporterArgs
from components.observability.grafana import Grafana, GrafanaArgs
from components.observability.grafana_dashboards import GrafanaDashboards, GrafanaDashboardsArgs
from components.observability.grafana_sign_in import GrafanaRoles, GrafanaSignIn
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
from components.observability.otlp_sink import OtlpSink
from components.observability.probes import ProbedTool, ProbeToken
from components.observability.runbooks_config_map import Runbooks, RunbooksArgs
from components.observability.standalone import (
    StandaloneObservability,
    StandaloneObservabilityArgs,
)
from components.observability.targets import ProbedUrl, ScrapeTarget, ServiceTarget
from components.observability.trace_collector import TraceCollector, TraceCollectorArgs
from components.observability.trace_store import TraceStore, TraceStoreArgs

OBSERVABILITY_CASES: Final[dict[str, tuple[type[Component[Any]], Any]]] = {
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
            blackbox_exporter="http://blackbox-exporter.monitoring.svc:9115",
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
            ca=SecretKey(secret="public-ca", key="ca.crt"),
            token=ProbeToken(
                url="https://login.example.com/oauth/token",
                client_id="mcp-probe",
                client_secret=SecretKey(secret="mcp-probe", key="client-secret"),
                scopes=["mcp:tools"],
                ca=SecretKey(secret="mcp-probe", key="ca.crt"),
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
            sign_in=GrafanaSignIn(
                authorization_url="https://login.example.com/authorize",
                token_url="https://login.example.com/token",
                user_info_url="https://login.example.com/userinfo",
                client_id="grafana",
                client_secret=SecretKey(secret="grafana-client", key="secret"),
                roles=GrafanaRoles(viewers=["mcp"]),
            ),
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
            ca_secret="mcp-internal-ca",
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
            sink=OtlpSink(
                url="https://traces.example.com/otlp",
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
            limit_image="ghcr.io/acme/qudag-mcp-server:1.2.3",
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
}
