"""A gateway in front of an MCP server that is already there."""

import pulumi
from pulumi_qudag_mcp import Gateway, GatewayArgs, Upstream

gateway = Gateway(
    "weather-gateway",
    GatewayArgs(
        namespace="weather",
        image="docker.io/nginxinc/nginx-unprivileged:1.29",
        upstream=Upstream(host="weather.weather.svc"),
        tls_secret="weather-tls",  # noqa: S106  (a Secret's name)
        internal_ca_secret="weather-internal-ca",  # noqa: S106
        issuer="https://login.example.com/realms/weather",
        domain="weather.example.com",
    ),
)
pulumi.export("mcp_url", gateway.mcp_url)
