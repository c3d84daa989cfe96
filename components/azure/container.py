"""The server as a container of Azure: as an app that scales, or as one group in a subnet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.limits import refuse
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTP, PROGRAM, State
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance
from .container_args import AzureContainerArgs, AzureContainerKind, problems_of, registry_server
from .resource_group import AzureGroup

_APP: Final = "azure-native:app:ContainerApp"
_ENVIRONMENT: Final = "azure-native:app:ManagedEnvironment"
_CONTAINERS: Final = "azure-native:containerinstance:ContainerGroup"


class AzureContainer(McpTarget[AzureContainerArgs]):
    """A container app in an environment of its own, or a container group."""

    args_type = AzureContainerArgs

    def build(self, args: AzureContainerArgs) -> None:
        config = replace(args.config, name=self.name)
        refuse(problems_of(args))
        app = args.kind is AzureContainerKind.APP
        home = AzureGroup(self, args.location)
        identity = home.identity()
        waits = home.may_read(identity, args.secrets)
        if args.registry:
            waits.append(home.allow(identity, "AcrPull", args.registry, on="registry"))
        state: State | None = None
        if app and has_sessions(config.era):
            storage = home.storage(protect=args.protect)
            state, rights = home.kept_state(storage, identity, protect=args.protect)
            waits += rights
        variables = {
            CONFIG_VARIABLE: environment_toml(config, state=state),
            "AZURE_CLIENT_ID": identity.output("clientId"),
        }
        if app:
            host = self._app(args, home, identity, variables, waits)
        else:
            self._group(args, home, identity, variables, waits)
            host = config.domain or ""  # of the gateway that stands before it
        base = pulumi.Output.concat("https://", host)
        self.answers_at(base, issuer=config.auth.issuer, era=config.era)

    def _app(
        self,
        args: AzureContainerArgs,
        home: AzureGroup,
        identity: CloudResource,
        variables: Mapping[str, Any],
        waits: list[pulumi.Resource],
    ) -> pulumi.Output[str]:
        """The app, and its host name."""
        environment = home.make(
            _ENVIRONMENT,
            "environment",
            {
                "appLogsConfiguration": {"destination": "azure-monitor"},
                "peerTrafficConfiguration": {"encryption": {"enabled": True}},
                "publicNetworkAccess": "Enabled" if args.public else "Disabled",
                "workloadProfiles": [{"name": "Consumption", "workloadProfileType": "Consumption"}],
                "vnetConfiguration": {
                    "infrastructureSubnetId": args.subnet,
                    "internal": not args.public,
                }
                if args.subnet
                else None,
            },
            outputs=("defaultDomain",),
        )
        home.logged(
            environment,
            home.workspace(days=args.log_days),
            ("ContainerAppConsoleLogs", "ContainerAppSystemLogs"),
        )
        own = identity.output("id")
        names: Mapping[str, str] = args.secrets.versions if args.secrets else {}
        app = home.make(
            _APP,
            "app",
            {
                "managedEnvironmentId": environment.output("id"),
                "workloadProfileName": "Consumption",
                "identity": {"type": "UserAssigned", "userAssignedIdentities": [own]},
                "configuration": {
                    "activeRevisionsMode": "Single",
                    "ingress": {
                        # Of a private environment the outside is its subnet's network.
                        "external": True,
                        "allowInsecure": False,
                        "targetPort": HTTP,
                        "transport": "auto",
                        "stickySessions": {
                            "affinity": "sticky" if has_sessions(args.config.era) else "none"
                        },
                        "traffic": [{"latestRevision": True, "weight": 100}],
                    },
                    "registries": _registries(args, own),
                    "secrets": [
                        {"name": _secret(name), "keyVaultUrl": url, "identity": own}
                        for name, url in names.items()
                    ],
                },
                "template": {
                    "terminationGracePeriodSeconds": args.config.budget.at(Distance.SERVER).grace,
                    "containers": [
                        {
                            "name": "server",
                            "image": args.image,
                            "command": [PROGRAM],
                            "env": [
                                *({"name": k, "value": v} for k, v in variables.items()),
                                *({"name": k, "secretRef": _secret(k)} for k in names),
                            ],
                            "resources": {"cpu": args.cpu, "memory": f"{args.memory_gib:g}Gi"},
                            "probes": _probes(),
                        }
                    ],
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
        return pulumi.Output.concat(app.output("name"), ".", environment.output("defaultDomain"))

    def _group(
        self,
        args: AzureContainerArgs,
        home: AzureGroup,
        identity: CloudResource,
        variables: Mapping[str, Any],
        waits: list[pulumi.Resource],
    ) -> None:
        own = identity.output("id")
        group = home.make(
            _CONTAINERS,
            "containers",
            {
                "osType": "Linux",
                "restartPolicy": "Always",
                "sku": "Standard",
                "identity": {"type": "UserAssigned", "userAssignedIdentities": [own]},
                "imageRegistryCredentials": _registries(args, own),
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
                        "resources": {"requests": {"cpu": args.cpu, "memoryInGB": args.memory_gib}},
                        "livenessProbe": {
                            "httpGet": {"path": "/health", "port": HTTP, "scheme": "http"},
                            "initialDelaySeconds": 10,
                            "periodSeconds": 10,
                            "timeoutSeconds": 3,
                        },
                    }
                ],
            },
            depends_on=waits,
        )
        workspace = home.workspace(days=args.log_days)
        home.logged(group, workspace, ("ContainerInstanceLog", "ContainerEvent"))


def _registries(args: AzureContainerArgs, identity: pulumi.Output[str]) -> list[dict[str, Any]]:
    """How the image is pulled: by the identity, without user or password."""
    return (
        [{"server": registry_server(args.registry), "identity": identity}] if args.registry else []
    )


def _secret(variable: str) -> str:
    """A variable's name as Container Apps lets a secret be called."""
    return variable.lower().replace("_", "-")


def _probes() -> list[dict[str, Any]]:
    def asked(path: str) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": HTTP, "scheme": "HTTP"}, "timeoutSeconds": 3}

    return [
        {"type": "Startup", **asked("/health"), "periodSeconds": 1, "failureThreshold": 60},
        {"type": "Liveness", **asked("/health"), "periodSeconds": 10, "failureThreshold": 3},
        {"type": "Readiness", **asked("/ready"), "periodSeconds": 5, "failureThreshold": 3},
    ]
