"""The server as a container of Azure: an app that scales, or one group in a subnet."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.auth import Resource
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTP, PROGRAM, State
from ..mcp.server_names import CONFIG_VARIABLE
from ..mcp.server_toml import environment_toml
from ..mcp.target import MCP_PATH
from ..mcp.timeout_budget import Distance
from ..mcp.user_container import UserContainer
from .app_containers import app_template, otlp_versions, secret_name, secret_versions
from .container_args import (
    MB_IN_GB,
    AzureContainerAppArgs,
    AzureContainerArgs,
    AzureContainerGroupArgs,
    registry_server,
    replica_size,
)
from .identity import assign_role
from .logs import send_logs
from .monitored import AzureMonitoredApp
from .resource_group import AzureGroup
from .secrets import allow_reading
from .server import AzureServer
from .session_store import session_store, storage_account

_APP: Final = "azure-native:app:ContainerApp"
_ENVIRONMENT: Final = "azure-native:app:ManagedEnvironment"
_CONTAINERS: Final = "azure-native:containerinstance:ContainerGroup"

Args = TypeVar("Args", bound=AzureContainerArgs)


class AzureContainer(AzureServer[Args]):
    """Base class of both forms of a container: the registry and the environment variables."""

    def image_rights(
        self, args: Args, group: AzureGroup, identity: CloudResource
    ) -> list[pulumi.Resource]:
        """The role to pull from the registry, if there is one."""
        if not args.registry:
            return []
        return [assign_role(group, identity, "AcrPull", args.registry, on="registry")]

    def registries(self, args: Args, identity: CloudResource) -> list[dict[str, Any]]:
        """The registry, to which the identity logs in without user and password."""
        if not args.registry:
            return []
        return [{"server": registry_server(args.registry), "identity": identity.output("id")}]

    def variables(
        self,
        args: Args,
        identity: CloudResource,
        resource: Resource,
        state: State | None = None,
        upstream: UserContainer | None = None,
    ) -> dict[str, Any]:
        """Environment variables of the server."""
        return {
            CONFIG_VARIABLE: environment_toml(
                args.config, resource, state=state, upstream=upstream, otlp=args.otlp
            ),
            # As a reverse proxy, the server does not use the identity.
            **({} if upstream else {"AZURE_CLIENT_ID": identity.output("clientId")}),
        }


class AzureContainerApp(AzureContainer[AzureContainerAppArgs]):
    """Container Apps: TLS at the environment's ingress, and replicas that follow the load.

    Attributes:
        monitored: what `AzureMonitoring` monitors.
    """

    args_type = AzureContainerAppArgs

    monitored: AzureMonitoredApp

    def serve(
        self,
        args: AzureContainerAppArgs,
        group: AzureGroup,
        identity: CloudResource,
        workspace: CloudResource,
    ) -> pulumi.Input[str]:
        waits = [
            *allow_reading(group, identity, args.secrets, args.otlp.secrets if args.otlp else None),
            *self.image_rights(args, group, identity),
        ]
        state: State | None = None
        if has_sessions(args.config.era) and args.upstream is None:
            storage = storage_account(
                group,
                protect=args.protect,
                zone_redundant=args.zone_redundant,
                only_from=args.subnet if args.private_storage else None,
            )
            state, rights = session_store(group, storage, identity, protect=args.protect)
            waits += rights
        environment = group.make(
            _ENVIRONMENT,
            "environment",
            {
                "appLogsConfiguration": {"destination": "azure-monitor"},
                "peerTrafficConfiguration": {"encryption": {"enabled": True}},
                "publicNetworkAccess": "Enabled" if args.access.public else "Disabled",
                "zoneRedundant": args.zone_redundant or None,
                "workloadProfiles": [{"name": "Consumption", "workloadProfileType": "Consumption"}],
                "vnetConfiguration": {
                    "infrastructureSubnetId": args.subnet,
                    "internal": not args.access.public,
                }
                if args.subnet
                else None,
            },
            outputs=("defaultDomain",),
        )
        send_logs(
            group,
            environment,
            workspace,
            ("ContainerAppConsoleLogs", "ContainerAppSystemLogs"),
        )
        base = pulumi.Output.concat(
            "https://", group.physical_name(_APP, "app"), ".", environment.output("defaultDomain")
        )
        resource = Resource(url=pulumi.Output.concat(base, MCP_PATH))
        variables = self.variables(args, identity, resource, state, args.upstream)
        own = identity.output("id")
        names = {**secret_versions(args.secrets), **otlp_versions(args.otlp)}
        app = group.make(
            _APP,
            "app",
            {
                "managedEnvironmentId": environment.output("id"),
                "workloadProfileName": "Consumption",
                "identity": {"type": "UserAssigned", "userAssignedIdentities": [own]},
                "configuration": {
                    "activeRevisionsMode": "Single",
                    "ingress": {
                        # In a private environment "external" is the network of its subnet.
                        "external": True,
                        "allowInsecure": False,
                        "targetPort": HTTP,
                        "transport": "auto",
                        "stickySessions": {
                            "affinity": "sticky" if has_sessions(args.config.era) else "none"
                        },
                        "traffic": [{"latestRevision": True, "weight": 100}],
                    },
                    "registries": self.registries(args, identity),
                    "secrets": [
                        {"name": secret_name(name), "keyVaultUrl": url, "identity": own}
                        for name, url in names.items()
                    ],
                    **_identity_settings(args, own),
                },
                "template": {
                    "terminationGracePeriodSeconds": args.config.budget.at(Distance.SERVER).grace,
                    **app_template(args, variables),
                    "scale": {
                        "minReplicas": args.min_instances,
                        "maxReplicas": args.max_instances,
                        "rules": [
                            {
                                "name": "requests",
                                "http": {"metadata": {"concurrentRequests": str(args.concurrency)}},
                            }
                        ],
                    },
                },
            },
            depends_on=waits,
        )
        cpu, memory_mb = replica_size(args)
        self.monitored = AzureMonitoredApp(
            name=self.name,
            app=app.output("id"),
            workspace=workspace.output("id"),
            cpu=cpu,
            memory_mb=memory_mb,
            min_instances=args.min_instances,
            max_instances=args.max_instances,
        )
        return base


class AzureContainerGroup(AzureContainer[AzureContainerGroupArgs]):
    """Container Instances: one container group in a subnet, behind your own gateway with TLS."""

    args_type = AzureContainerGroupArgs

    def serve(
        self,
        args: AzureContainerGroupArgs,
        group: AzureGroup,
        identity: CloudResource,
        workspace: CloudResource,
    ) -> pulumi.Input[str]:
        own, variables = identity.output("id"), self.variables(args, identity, Resource())
        containers = group.make(
            _CONTAINERS,
            "containers",
            {
                "osType": "Linux",
                "restartPolicy": "Always",
                "sku": "Standard",
                "identity": {"type": "UserAssigned", "userAssignedIdentities": [own]},
                "imageRegistryCredentials": self.registries(args, identity),
                "subnetIds": [{"id": args.subnet}],
                "ipAddress": {"type": "Private", "ports": [{"port": HTTP, "protocol": "TCP"}]},
                "containers": [
                    {
                        "name": "server",
                        "image": args.image,
                        "command": [PROGRAM],
                        "ports": [{"port": HTTP, "protocol": "TCP"}],
                        "environmentVariables": [
                            {"name": name, "value": value} for name, value in variables.items()
                        ],
                        "resources": {
                            "requests": {"cpu": args.cpu, "memoryInGB": args.memory_mb / MB_IN_GB}
                        },
                        "livenessProbe": {
                            "httpGet": {"path": "/health", "port": HTTP, "scheme": "http"},
                            "initialDelaySeconds": 10,
                            "periodSeconds": 10,
                            "timeoutSeconds": 3,
                        },
                    }
                ],
            },
            depends_on=self.image_rights(args, group, identity),
        )
        send_logs(group, containers, workspace, ("ContainerInstanceLog", "ContainerEvent"))
        return f"https://{args.config.domain}"


def _identity_settings(args: AzureContainerAppArgs, own: pulumi.Output[Any]) -> dict[str, Any]:
    """A user's image gets no tokens of the identity, which pulls images and reads secrets."""
    if args.upstream is None:
        return {}
    return {"identitySettings": [{"identity": own, "lifecycle": "None"}]}
