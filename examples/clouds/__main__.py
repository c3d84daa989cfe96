"""A server of someone's own on two clouds, with a managed database beside it."""

import pulumi
from pulumi_qudag_mcp import (
    Auth,
    AwsLocation,
    AwsMonitoring,
    AwsMonitoringArgs,
    AwsNetwork,
    CloudRun,
    CloudRunArgs,
    CloudServerConfig,
    EcsFargate,
    EcsFargateArgs,
    GcpAccess,
    GcpLocation,
    GcpMonitoring,
    GcpMonitoringArgs,
    NetworkAccess,
    RdsDataTier,
    RdsDataTierArgs,
)

ISSUER = "https://login.example.com/realms/weather"
DOMAIN = "weather.example.com"
ON_CALL = "arn:aws:sns:eu-central-1:123456789012:on-call"
DIGEST = "sha256:" + "0" * 64  # of what your pipeline pushed

location = AwsLocation(account="123456789012", region="eu-central-1")
network = AwsNetwork(
    vpc="vpc-0a1b2c3d4e5f60718",
    vpc_cidr="10.40.0.0/16",
    private_subnets=["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"],
    public_subnets=["subnet-0a1b2c3d4e5f60003", "subnet-0a1b2c3d4e5f60004"],
)


def server(domain: str | None = None) -> CloudServerConfig:
    """The same on both."""
    auth = Auth(
        issuer=ISSUER,
        jwks_url=f"{ISSUER}/protocol/openid-connect/certs",
    )
    return CloudServerConfig(role="tools", era="modern", auth=auth, domain=domain)


ecs = EcsFargate(
    "forecast",
    EcsFargateArgs(
        location=location,
        alarm_topic=ON_CALL,
        network=network,
        image=f"ghcr.io/example/weather-mcp:2.4.0@{DIGEST}",
        config=server(DOMAIN),
        certificate="arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-0123456789ab",
        access=NetworkAccess(
            public=True
        ),  # anybody may connect; the server wants a token of each call
    ),
)

run = CloudRun(
    "forecast-eu",
    CloudRunArgs(
        location=GcpLocation(project="weather-prod", region="europe-west3"),
        image=f"europe-west3-docker.pkg.dev/weather-prod/mcp/weather-mcp:2.4.0@{DIGEST}",
        config=server(),
        access=GcpAccess(public=True),
    ),
)

data = RdsDataTier(
    "weather-data",
    RdsDataTierArgs(
        location=location,
        network=network,
        database="weather",
        user="forecast",
        protect=True,
    ),
)

aws_alarms = AwsMonitoring(
    "weather-alarms",
    AwsMonitoringArgs(
        location=location,
        topic=ON_CALL,
        containers=[ecs.monitored],
        databases=data.monitored_databases,
        caches=data.monitored_caches,
    ),
)

GcpMonitoring(
    "weather-alarms-eu",
    GcpMonitoringArgs(
        location=GcpLocation(project="weather-prod", region="europe-west3"),
        emails=["on-call@example.com"],
        services=[run.monitored],
    ),
)

pulumi.export("mcp_url", ecs.mcp_url)
pulumi.export("europe_mcp_url", run.mcp_url)
pulumi.export("database", data.database_host)
pulumi.export("dashboard", aws_alarms.dashboard_url)
