"""A platform put together from components, in a program of someone's own."""

import pulumi
from pulumi_qudag_mcp import (
    MIGRATION,
    Core,
    CoreArgs,
    Database,
    EmbeddedDataTier,
    EmbeddedDataTierArgs,
    Exposure,
    Flow,
    FlowPolicies,
    FlowPoliciesArgs,
    Gateway,
    GatewayArgs,
    LockedNamespace,
    LockedNamespaceArgs,
    MigrationArgs,
    Outside,
    PodAuth,
    PodServerConfig,
    ServerArgs,
    Upstream,
)

IMAGE = "ghcr.io/example/weather-mcp:2.4.0"
ISSUER = "https://login.example.com/realms/weather"
DOMAIN = "weather.example.com"
PASSWORDS, INTERNAL_CA = "weather-passwords", "weather-internal-ca"  # Secrets, by name

namespace = LockedNamespace("weather", LockedNamespaceArgs(name="weather")).namespace

data = EmbeddedDataTier(
    "data",
    EmbeddedDataTierArgs(
        namespace=namespace,
        postgres_image="docker.io/library/postgres:17",
        valkey_image="docker.io/valkey/valkey:8.1",
        passwords_secret=PASSWORDS,
        postgres_tls_secret="weather-internal-tls-postgres",  # noqa: S106  (a Secret's name)
        valkey_tls_secret="weather-internal-tls-redis",  # noqa: S106
    ),
)

server = Core(
    "forecast",
    CoreArgs(
        server=ServerArgs(
            namespace=namespace,
            image=IMAGE,
            config=PodServerConfig(
                name="forecast",
                role="core",
                era="modern",
                domain=DOMAIN,
                auth=PodAuth(
                    issuer=ISSUER,
                    jwks_url=f"{ISSUER}/protocol/openid-connect/certs",
                ),
                database=Database(host=data.database_host),
            ),
            passwords_secret=PASSWORDS,
            internal_tls_secret="weather-internal-tls-forecast",  # noqa: S106
            internal_ca_secret=INTERNAL_CA,
        ),
        migration=MigrationArgs(image=IMAGE),
        after=[data.database],
    ),
)

gateway = Gateway(
    "weather-gateway",
    GatewayArgs(
        namespace=namespace,
        image="docker.io/nginxinc/nginx-unprivileged:1.29",
        upstream=Upstream(host=server.host),
        tls_secret="weather-tls",  # noqa: S106
        internal_ca_secret=INTERNAL_CA,
        issuer=ISSUER,
        domain=DOMAIN,
        era="modern",
        exposure=Exposure(name="weather", type="LoadBalancer", allowed_from=["10.0.0.0/8"]),
    ),
)

FlowPolicies(
    "flows",
    FlowPoliciesArgs(
        namespace=namespace,
        workloads=["weather-gateway", "forecast", "postgres", "redis", MIGRATION],
        flows=[
            Flow(source="clients", target="weather-gateway", port=8443, why="MCP over TLS"),
            Flow(source="weather-gateway", target="forecast", port=8443, why="MCP"),
            Flow(source="forecast", target="postgres", port=5432, why="forecasts"),
            Flow(source=MIGRATION, target="postgres", port=5432, why="schema"),
            Flow(source="forecast", target="issuer", port=443, why="signing keys"),
        ],
        outsides=[
            Outside(name="clients", cidrs=["10.0.0.0/8"]),
            Outside(name="issuer", cidrs=["198.51.100.0/24"]),
        ],
    ),
)

pulumi.export("mcp_url", gateway.mcp_url)
