"""The server as a function app of Azure, in the Flex Consumption plan and without keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.versions import VERSIONS
from ..mcp.access import NetworkAccess
from ..mcp.auth import Resource
from ..mcp.era import has_sessions
from ..mcp.server_config import State
from ..mcp.server_names import CONFIG_VARIABLE
from ..mcp.server_toml import environment_toml
from ..mcp.target import MCP_PATH
from .function_args import AzureFunctionArgs
from .identity import assign_role
from .monitored import AzureMonitoredFunction
from .resource_group import AzureGroup
from .secrets import AzureSecrets, allow_reading
from .server import AzureServer
from .session_store import session_store, storage_account

PREFIX: Final = "/api"
"""``extensions.http.routePrefix`` of the archive's host.json: the source documents'."""
RUNTIME: Final = {"name": "python", "version": VERSIONS["python"]["functions"]}

_SITE: Final = "azure-native:web:WebApp"
_PUBLISH: Final = (
    "az functionapp deployment source config-zip --only-show-errors --output none"
    ' --subscription "$SUBSCRIPTION" --resource-group "$GROUP" --name "$APP" --src "$ARCHIVE"'
)


class AzureFunction(AzureServer[AzureFunctionArgs]):
    """A function app with its plan, identity, storage account and Application Insights.

    Attributes:
        monitored: what `AzureMonitoring` monitors.
    """

    args_type = AzureFunctionArgs

    monitored: AzureMonitoredFunction

    def serve(
        self,
        args: AzureFunctionArgs,
        group: AzureGroup,
        identity: CloudResource,
        workspace: CloudResource,
    ) -> pulumi.Input[str]:
        sessions = has_sessions(args.config.era)
        protect = args.protect and sessions
        storage = storage_account(
            group,
            protect=protect,
            zone_redundant=args.zone_redundant,
            only_from=args.subnet if args.private_storage else None,
        )
        packages = group.make(
            "azure-native:storage:BlobContainer",
            "packages",
            {
                "accountName": storage.output("name"),
                "containerName": "packages",
                "publicAccess": "None",
            },
        )
        insights = group.make(
            "azure-native:applicationinsights:Component",
            "insights",
            {
                "kind": "web",
                "applicationType": "web",
                "ingestionMode": "LogAnalytics",
                "workspaceResourceId": workspace.output("id"),
                "disableLocalAuth": True,
            },
            outputs=("connectionString",),
        )
        waits = [
            # The host creates containers, so the role is on the account. It does not need the file
            # permissions of a data lake that Owner adds.
            assign_role(
                group,
                identity,
                "Storage Blob Data Contributor",
                storage.output("id"),
                on="storage",
            ),
            assign_role(
                group,
                identity,
                "Monitoring Metrics Publisher",
                insights.output("id"),
                on="insights",
            ),
            *allow_reading(group, identity, args.secrets),
        ]
        state: State | None = None
        if sessions:
            state, rights = session_store(group, storage, identity, protect=protect)
            waits += rights
        plan = group.make(
            "azure-native:web:AppServicePlan",
            "plan",
            {
                "kind": "functionapp",
                "reserved": True,  # Linux
                "sku": {"name": "FC1", "tier": "FlexConsumption"},
                "zoneRedundant": args.zone_redundant or None,
            },
        )
        base = f"https://{group.physical_name(_SITE, 'app')}.azurewebsites.net{PREFIX}"
        resource = Resource(url=f"{base}{MCP_PATH}")
        client = identity.output("clientId")
        settings = {
            "AzureWebJobsStorage__accountName": storage.output("name"),
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": client,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": insights.output("connectionString"),
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": pulumi.Output.concat(
                "ClientId=", client, ";Authorization=AAD"
            ),
            "AZURE_CLIENT_ID": client,
            CONFIG_VARIABLE: environment_toml(args.config, resource, state=state),
            **_references(args.secrets),
        }
        container = pulumi.Output.concat(
            storage.output("primaryEndpoints").apply(lambda made: made["blob"]),
            packages.output("containerName"),
        )
        site = group.make(
            _SITE,
            "app",
            {
                "kind": "functionapp,linux",
                "serverFarmId": plan.output("id"),
                **_identified(identity),
                "httpsOnly": True,
                "clientAffinityEnabled": False,
                "publicNetworkAccess": "Enabled",
                "virtualNetworkSubnetId": args.subnet,
                "functionAppConfig": {
                    "deployment": {
                        "storage": {
                            "type": "blobContainer",
                            "value": container,
                            "authentication": {
                                "type": "UserAssignedIdentity",
                                "userAssignedIdentityResourceId": identity.output("id"),
                            },
                        }
                    },
                    "runtime": dict(RUNTIME),
                    "scaleAndConcurrency": {
                        "instanceMemoryMB": args.memory_mb,
                        "maximumInstanceCount": args.max_instances,
                        "triggers": {"http": {"perInstanceConcurrency": args.concurrency}},
                    },
                },
                "siteConfig": {
                    "minTlsVersion": "1.2",
                    "scmMinTlsVersion": "1.2",
                    "ftpsState": "Disabled",
                    "http20Enabled": True,
                    **_restricted(args.access),
                    "appSettings": [
                        {"name": name, "value": value} for name, value in settings.items()
                    ],
                },
            },
            depends_on=waits,
        )
        self._no_passwords(group, site)
        self._publish(args, group, site)
        self.monitored = AzureMonitoredFunction(
            name=self.name,
            app=site.output("id"),
            workspace=workspace.output("id"),
            max_instances=args.max_instances,
        )
        return base

    def _no_passwords(self, group: AzureGroup, site: CloudResource) -> None:
        """Switches publishing with user and password off: Entra ID authenticates publishers."""
        for channel, kind in (("scm", "WebAppScmAllowed"), ("ftp", "WebAppFtpAllowed")):
            group.make(
                f"azure-native:web:{kind}",
                f"{channel}-passwords",
                {"name": site.output("name"), "allow": False},
            )

    def _publish(self, args: AzureFunctionArgs, group: AzureGroup, site: CloudResource) -> None:
        """Uploads the archive to the app, which in Flex Consumption writes it to its container."""
        CloudResource(
            "command:local:Command",
            self.named("publish"),
            {
                "create": _PUBLISH,
                "update": _PUBLISH,
                "triggers": [args.archive.digest],
                "environment": {
                    "SUBSCRIPTION": args.location.subscription,
                    "GROUP": group.name,
                    "APP": site.output("name"),
                    "ARCHIVE": args.archive.file,
                },
            },
            opts=self.owned(depends_on=[site]),
        )


def _references(secrets: AzureSecrets | None) -> dict[str, str]:
    """App settings that Azure resolves to the secrets in Key Vault."""
    versions: Mapping[str, str] = secrets.versions if secrets else {}
    return {name: f"@Microsoft.KeyVault(SecretUri={url})" for name, url in versions.items()}


def _identified(identity: CloudResource) -> dict[str, Any]:
    own = identity.output("id")
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": [own]},
        "keyVaultReferenceIdentity": own,
    }


def _restricted(access: NetworkAccess) -> Mapping[str, Any]:
    rules = [
        {
            "name": f"allowed-{number}",
            "action": "Allow",
            "priority": 100 + number,
            "ipAddress": cidr,
        }
        for number, cidr in enumerate(access.allowed_networks)
    ]
    return {
        "ipSecurityRestrictionsDefaultAction": "Allow" if access.public else "Deny",
        "ipSecurityRestrictions": rules,
    }
