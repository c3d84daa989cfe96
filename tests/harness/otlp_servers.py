"""What each cloud's component gives a container that sends spans and log lines by OTLP."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.aws.otlp import AwsOtlpReceiver
from components.azure.container import AzureContainerApp, AzureContainerGroup
from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
from components.azure.otlp import AzureOtlpReceiver
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.gcp.otlp import GcpOtlpReceiver
from components.mcp.access import Access
from components.mcp.otlp import OtlpReceiver
from components.mcp.user_container import UserContainer

from . import ResourceGraph, record
from .clouds import AZURE, AZURE_SECRETS, GCP, NAMED, SUBNET, cloud_config, on_azure
from .ecs_fargate import graph as ecs_graph

URL: Final = "https://otlp.example.com"
AWS_TOKEN: Final = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:qudag-mcp/otlp-a1B2c3"
GCP_TOKEN: Final = "projects/acme-prod/secrets/otlp/versions/7"
AZURE_TOKEN: Final = f"https://qudag-keys.vault.azure.net/secrets/otlp/{'2' * 32}"
IMAGE: Final = "ghcr.io/acme/server@sha256:" + "0" * 64
PROGRAM: Final = UserContainer(image="ghcr.io/acme/weather@sha256:" + "1" * 64, port=3001)


@dataclass(frozen=True)
class SendingContainer:
    """A container as its cloud is told to run it.

    Attributes:
        graph: all resources.
        variables: of its environment, with values.
        secrets: of its environment: what they refer to.
        others: names of the variables of the other containers.
    """

    graph: ResourceGraph
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    others: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def tables(self) -> dict[str, Any]:
        """Its server.toml."""
        return tomllib.loads(self.variables["QUDAG_MCP_CONFIG"])


def _names(containers: list[dict[str, Any]], *keys: str) -> frozenset[str]:
    return frozenset(
        one["name"] for each in containers for key in keys for one in each.get(key, ())
    )


def in_ecs(receiver: AwsOtlpReceiver | None = None, **changes: Any) -> SendingContainer:
    """A task of ECS."""
    given = receiver or AwsOtlpReceiver(url=URL, token=AWS_TOKEN)
    config = cloud_config(domain="mcp.example.com", era="modern")
    made = ecs_graph(**{"config": config, "otlp": given, **changes})
    definition = made.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    server, *others = json.loads(definition["containerDefinitions"])
    return SendingContainer(
        made,
        {one["name"]: one["value"] for one in server["environment"]},
        {one["name"]: one["valueFrom"] for one in server.get("secrets", ())},
        _names(others, "environment", "secrets"),
    )


def in_cloud_run(receiver: GcpOtlpReceiver | None = None, **changes: Any) -> SendingContainer:
    """An instance of Cloud Run."""
    given: dict[str, Any] = {
        "location": GCP,
        "image": IMAGE,
        "config": cloud_config(era="modern"),
        "access": NAMED,
        "otlp": receiver or GcpOtlpReceiver(url=URL, token=GCP_TOKEN),
    }
    made = record(lambda: CloudRun("mcp", CloudRunArgs(**given | changes)))
    service = made.one("gcp:cloudrunv2/service:Service").inputs
    server, *others = service["template"]["containers"]
    references = {
        one["name"]: one["valueSource"]["secretKeyRef"]
        for one in server["envs"]
        if "valueSource" in one
    }
    return SendingContainer(
        made,
        {one["name"]: one["value"] for one in server["envs"] if "value" in one},
        {name: f"{one['secret']}/{one['version']}" for name, one in references.items()},
        _names(others, "envs"),
    )


def in_container_app(receiver: AzureOtlpReceiver | None = None, **changes: Any) -> SendingContainer:
    """A replica of Container Apps."""
    given: dict[str, Any] = {
        "location": AZURE,
        "image": IMAGE,
        "config": cloud_config(era="modern"),
        "access": Access(public=True),
        "otlp": receiver
        or AzureOtlpReceiver(url=URL, token=AZURE_TOKEN, vault=AZURE_SECRETS.vault),
    }
    args = AzureContainerAppArgs(**given | changes)
    made = record(lambda: AzureContainerApp("mcp", args, on_azure()))
    app = made.one("azure-native:app:ContainerApp").inputs
    server, *others = app["template"]["containers"]
    urls = {one["name"]: one["keyVaultUrl"] for one in app["configuration"]["secrets"]}
    return SendingContainer(
        made,
        {one["name"]: one["value"] for one in server["env"] if "value" in one},
        {one["name"]: urls[one["secretRef"]] for one in server["env"] if "secretRef" in one},
        _names(others, "env"),
    )


def in_container_group(receiver: AzureOtlpReceiver | None = None) -> SendingContainer:
    """A container group, which reads no secrets."""
    args = AzureContainerGroupArgs(
        location=AZURE,
        image=IMAGE,
        config=cloud_config(era="modern", domain="mcp.example.com"),
        subnet=SUBNET,
        otlp=receiver or AzureOtlpReceiver(url=URL),
    )
    made = record(lambda: AzureContainerGroup("mcp", args, on_azure()))
    (server,) = made.one("azure-native:containerinstance:ContainerGroup").inputs["containers"]
    return SendingContainer(
        made, {one["name"]: one["value"] for one in server["environmentVariables"]}, {}
    )


CLOUDS: Final[Mapping[str, tuple[Callable[..., SendingContainer], OtlpReceiver, str]]] = {
    "ecs": (in_ecs, AwsOtlpReceiver(url=URL, token=AWS_TOKEN), AWS_TOKEN),
    "cloud-run": (in_cloud_run, GcpOtlpReceiver(url=URL, token=GCP_TOKEN), "otlp/7"),
    "container-app": (
        in_container_app,
        AzureOtlpReceiver(url=URL, token=AZURE_TOKEN, vault=AZURE_SECRETS.vault),
        AZURE_TOKEN,
    ),
}
"""What makes a container with a token, its receiver, and what its secret refers to."""
