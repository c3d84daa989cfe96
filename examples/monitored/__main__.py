"""An MCP server with a gateway, and a Prometheus, a Grafana and a Jaeger that watch both."""

import pulumi
from pulumi_qudag_mcp import (
    Core,
    CoreArgs,
    Exposure,
    Flow,
    FlowPolicies,
    FlowPoliciesArgs,
    Gateway,
    GatewayArgs,
    GatewayMetrics,
    Grafana,
    GrafanaArgs,
    LockedNamespace,
    LockedNamespaceArgs,
    MonitoredServer,
    Neighbour,
    OtlpSink,
    Outside,
    PodAuth,
    PodServerConfig,
    RuleOptions,
    SecretKey,
    ServerArgs,
    ServiceTarget,
    StandaloneObservability,
    StandaloneObservabilityArgs,
    TraceCollector,
    TraceCollectorArgs,
    TraceReceiver,
    TraceStore,
    TraceStoreArgs,
    Upstream,
    alert_rules,
    grafana_dashboards,
    scrape_targets,
)

SERVER_IMAGE = "ghcr.io/qudag/qudag-mcp-server:0.1.0"
ISSUER = "https://login.example.com/realms/weather"
DOMAIN = "weather.example.com"
INTERNAL_CA = "weather-internal-ca"  # a Secret, by name
API_SERVER = ["10.96.0.1/32", "192.0.2.10/32"]  # kubectl get service,endpointslices -n default

platform = LockedNamespace("weather", LockedNamespaceArgs(name="weather")).namespace
monitoring = LockedNamespace(
    "weather-monitoring", LockedNamespaceArgs(name="weather-monitoring")
).namespace

# Traces: servers send spans to a collector, which sends the kept ones to Jaeger.
traces = TraceStore(
    "traces",
    TraceStoreArgs(
        namespace=monitoring,
        image="docker.io/jaegertracing/jaeger:2.13.0",
        tls_secret="weather-internal-tls-trace-store",  # noqa: S106  (a Secret's name)
    ),
)
collector = TraceCollector(
    "trace-collector",
    TraceCollectorArgs(
        namespace=monitoring,
        image="docker.io/otel/opentelemetry-collector-contrib:0.161.0",
        tls_secret="weather-internal-tls-trace-collector",  # noqa: S106
        longest_seconds=65,
        sink=OtlpSink(
            url="https://trace-store-service.weather-monitoring.svc:4318",
            ca=SecretKey(secret=INTERNAL_CA, key="ca.crt"),
        ),
    ),
    pulumi.ResourceOptions(depends_on=[traces]),
)
spans = TraceReceiver(host=collector.host)

server = Core(
    "forecast",
    CoreArgs(
        server=ServerArgs(
            namespace=platform,
            image=SERVER_IMAGE,
            config=PodServerConfig(
                name="forecast",
                role="core",
                era="modern",
                domain=DOMAIN,
                auth=PodAuth(
                    issuer=ISSUER,
                    jwks_url=f"{ISSUER}/protocol/openid-connect/certs",
                ),
                traces=spans,
            ),
            passwords_secret="weather-passwords",  # noqa: S106
            internal_tls_secret="weather-internal-tls-forecast",  # noqa: S106
            internal_ca_secret=INTERNAL_CA,
        ),
    ),
)
gateway = Gateway(
    "weather-gateway",
    GatewayArgs(
        namespace=platform,
        image="docker.io/nginxinc/nginx-unprivileged:1.29",
        upstream=Upstream(host=server.host),
        tls_secret="weather-tls",  # noqa: S106
        internal_ca_secret=INTERNAL_CA,
        issuer=ISSUER,
        domain=DOMAIN,
        era="modern",
        exposure=Exposure(name="weather", type="LoadBalancer", allowed_from=["10.0.0.0/8"]),
        metrics=GatewayMetrics(image=SERVER_IMAGE, traces=spans),
    ),
)

# What Prometheus reads, its alerts and the dashboards follow from one list of parts.
watched = RuleOptions(
    namespace="weather",
    servers=(MonitoredServer(name="forecast", era="modern"),),
    gateway="weather-gateway",
)
prometheus = StandaloneObservability(
    "prometheus",
    StandaloneObservabilityArgs(
        namespace=monitoring,
        namespaces={"platform": platform},
        image="docker.io/prom/prometheus:v3.16.0",
        targets=scrape_targets(watched, platform),
        rules=alert_rules(watched),
        tls_secret="weather-internal-tls-prometheus",  # noqa: S106
        ca_secret=INTERNAL_CA,
    ),
)
grafana = Grafana(
    "grafana",
    GrafanaArgs(
        namespace=monitoring,
        image="docker.io/grafana/grafana:13.2.3",
        dashboards=grafana_dashboards(watched),
        admin_secret="weather-grafana",  # noqa: S106
        tls_secret="weather-internal-tls-grafana",  # noqa: S106
        ca_secret=INTERNAL_CA,
        traces=ServiceTarget(name="trace-store", port=16686),
    ),
)

# Both namespaces deny all traffic; each connection is allowed in both.
METRICS, SPANS = 9090, 4318
FlowPolicies(
    "flows",
    FlowPoliciesArgs(
        namespace=platform,
        workloads=["weather-gateway", "forecast"],
        flows=[
            Flow(source="clients", target="weather-gateway", port=8443, why="MCP over TLS"),
            Flow(source="weather-gateway", target="forecast", port=8443, why="MCP"),
            Flow(source="forecast", target="issuer", port=443, why="signing keys"),
            *(
                flow
                for name in ("weather-gateway", "forecast")
                for flow in (
                    Flow(source="prometheus", target=name, port=METRICS, why="metrics"),
                    Flow(source=name, target="trace-collector", port=SPANS, why="spans"),
                )
            ),
        ],
        outsides=[
            Outside(name="clients", cidrs=["10.0.0.0/8"]),
            Outside(name="issuer", cidrs=["198.51.100.0/24"]),
        ],
        neighbours=[
            Neighbour(name=name, namespace="weather-monitoring", labels={"app": name})
            for name in ("prometheus", "trace-collector")
        ],
        api_server=API_SERVER,
    ),
)
FlowPolicies(
    "monitoring-flows",
    FlowPoliciesArgs(
        namespace=monitoring,
        workloads=["prometheus", "grafana", "trace-collector", "trace-store"],
        flows=[
            Flow(source="grafana", target="prometheus", port=9090, why="queries"),
            Flow(source="grafana", target="trace-store", port=16686, why="traces"),
            Flow(source="trace-collector", target="trace-store", port=SPANS, why="traces"),
            *(
                flow
                for name in ("weather-gateway", "forecast")
                for flow in (
                    Flow(source="prometheus", target=name, port=METRICS, why="metrics"),
                    Flow(source=name, target="trace-collector", port=SPANS, why="spans"),
                )
            ),
        ],
        neighbours=[
            Neighbour(name=name, namespace="weather", labels={"app": name})
            for name in ("weather-gateway", "forecast")
        ],
        api_server=API_SERVER,
        api_clients=["prometheus"],
    ),
)

pulumi.export("mcp_url", gateway.mcp_url)
pulumi.export("prometheus", prometheus.host)
pulumi.export("grafana", grafana.host)
