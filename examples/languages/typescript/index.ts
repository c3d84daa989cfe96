// An MCP server from an image, behind a gateway, with the flows that they need.
import * as pulumi from "@pulumi/pulumi";
import * as qudag from "@qudag/qudag-mcp";

const image = "docker.io/nginxinc/nginx-unprivileged:1.29";

const namespace = new qudag.LockedNamespace("namespace", {
    name: "weather",
    containerLimits: { max: { cpu: "2", memory: "1Gi" } },
});

const forecast = new qudag.UserServer("forecast", {
    namespace: namespace.namespace,
    image: "ghcr.io/example/weather-mcp:2.4.0",
    proxyImage: image,
    internalTlsSecret: "weather-internal-tls-forecast",
    era: "modern",
    secretEnv: { WEATHER_API_KEY: { secret: "weather", key: "api-key" } },
});

const gateway = new qudag.Gateway("gateway", {
    namespace: namespace.namespace,
    image,
    upstream: { host: forecast.host },
    tlsSecret: "weather-tls",
    internalCaSecret: "weather-internal-ca",
    issuer: "https://login.example.com/realms/weather",
    domain: "weather.example.com",
    era: "modern",
    engine: qudag.GatewayEngine.NGINX,
    exposure: { type: "LoadBalancer", allowedFrom: ["10.0.0.0/8"] },
});

new qudag.FlowPolicies("flows", {
    namespace: namespace.namespace,
    workloads: ["gateway", "forecast"],
    flows: [
        { source: "clients", target: "gateway", port: 8443, why: "MCP over TLS" },
        { source: "gateway", target: "forecast", port: 8443, why: "MCP" },
    ],
    outsides: [{ name: "clients", cidrs: ["10.0.0.0/8"] }],
});

export const mcpUrl: pulumi.Output<string> = gateway.mcpUrl;
