"""The server as a function app of Azure: Flex Consumption, and no key of anything anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.limits import refuse
from ..base.problems import Problem
from ..base.versions import VERSIONS
from ..mcp.archive import Archive
from ..mcp.cloud_server import drain_problems
from ..mcp.era import has_sessions
from ..mcp.server_config import CloudServerConfig
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import STEP, Distance
from .facts import AZURE_FUNCTION_INSTANCES, AZURE_FUNCTION_RESPONSE, AZURE_LOG_DAYS
from .location import AzureLocation
from .resource_group import AzureGroup, AzureSecrets, name_problems

PREFIX: Final = "/api"
"""``extensions.http.routePrefix`` of the archive's host.json: the source documents'."""
RUNTIME: Final = {"name": "python", "version": VERSIONS["python"]["functions"]}

_SITE: Final = "azure-native:web:WebApp"
_PUBLISH: Final = (
    "az functionapp deployment source config-zip --only-show-errors --output none"
    ' --subscription "$SUBSCRIPTION" --resource-group "$GROUP" --name "$APP" --src "$ARCHIVE"'
)

_STOPS: Final = "an update ends calls at once (Flex Consumption, Site update strategies)"


@dataclass(frozen=True, kw_only=True)
class AzureAccess:
    """Who reaches it, before the server looks at their token.

    Attributes:
        public: everyone.
        allowed_from: networks that reach it when it is not public, such as ``203.0.113.0/24``.
    """

    public: bool = False
    allowed_from: Sequence[str] = ()

    def problems(self) -> list[Problem]:
        """Nobody could reach it, or the list would mean nothing."""
        if not self.public and not self.allowed_from:
            return [
                Problem(
                    "access.allowed_from",
                    "names no network, and access.public is false",
                    "every call is answered 403 before it reaches the server",
                    "name the networks that it is called from, or set access.public to true",
                )
            ]
        if self.public and self.allowed_from:
            return [
                Problem(
                    "access.allowed_from",
                    "names networks, but access.public lets everyone in",
                    "the list would mean nothing",
                    "leave out one of the two",
                )
            ]
        return []


@dataclass(frozen=True, kw_only=True)
class AzureFunctionArgs:
    """What a function app needs to know.

    Attributes:
        location: where it is put.
        archive: what it runs; ``az`` uploads it, see the page of this component.
        config: the server's configuration.
        access: who reaches it.
        secrets: what the server reads from its environment.
        subnet: id of a subnet, delegated to Microsoft.App/environments, through which it reaches
            private addresses; None for none.
        memory_mb: of an instance.
        concurrency: requests at once to an instance.
        max_instances: how many there may be; there is none while nobody calls.
        log_days: how long logs and traces are kept.
        protect: refuse to delete what holds sessions.
    """

    location: AzureLocation
    archive: Archive
    config: CloudServerConfig
    access: AzureAccess
    secrets: AzureSecrets | None = None
    subnet: str | None = None
    memory_mb: Literal[512, 2048, 4096] = 2048
    concurrency: int = 20
    max_instances: int = 40
    log_days: int = 30
    protect: bool = False


class AzureFunction(McpTarget[AzureFunctionArgs]):
    """A function app with its plan, identity, storage without keys and Application Insights."""

    args_type = AzureFunctionArgs

    def build(self, args: AzureFunctionArgs) -> None:
        config = replace(args.config, name=self.name)
        refuse(_problems(args))
        home = AzureGroup(self, args.location)
        identity = home.identity()
        protect = args.protect and has_sessions(config.era)
        storage = home.storage(protect=protect)
        packages = home.make(
            "azure-native:storage:BlobContainer",
            "packages",
            {
                "accountName": storage.output("name"),
                "containerName": "packages",
                "publicAccess": "None",
            },
        )
        insights = home.make(
            "azure-native:applicationinsights:Component",
            "insights",
            {
                "kind": "web",
                "applicationType": "web",
                "ingestionMode": "LogAnalytics",
                "workspaceResourceId": home.workspace(days=args.log_days).output("id"),
                "disableLocalAuth": True,
            },
            outputs=("connectionString",),
        )
        waits = [
            # The host makes containers of its own beside the packages, so it is the account's.
            home.allow(identity, "Storage Blob Data Owner", storage.output("id"), on="storage"),
            home.allow(
                identity, "Monitoring Metrics Publisher", insights.output("id"), on="insights"
            ),
            *home.may_read(identity, args.secrets),
        ]
        state = None
        if has_sessions(config.era):
            state, rights = home.kept_state(storage, identity, protect=protect)
            waits += rights
        plan = home.make(
            "azure-native:web:AppServicePlan",
            "plan",
            {
                "kind": "functionapp",
                "reserved": True,  # Linux
                "sku": {"name": "FC1", "tier": "FlexConsumption"},
            },
        )
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
            CONFIG_VARIABLE: environment_toml(config, state=state),
            **_references(args.secrets),
        }
        container = pulumi.Output.concat(
            storage.output("primaryEndpoints").apply(lambda made: made["blob"]),
            packages.output("containerName"),
        )
        site = home.make(
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
            outputs=("defaultHostName",),
            depends_on=waits,
        )
        self._only_by_entra(home, site)
        self._publish(args, home, site)
        base = pulumi.Output.concat("https://", site.output("defaultHostName"), PREFIX)
        self.answers_at(base, issuer=config.auth.issuer, era=config.era)

    def _only_by_entra(self, home: AzureGroup, site: CloudResource) -> None:
        """No user and password for publishing: who publishes proves who they are to Entra ID."""
        for door, kind in (("scm", "WebAppScmAllowed"), ("ftp", "WebAppFtpAllowed")):
            home.make(
                f"azure-native:web:{kind}",
                f"{door}-passwords",
                {"name": site.output("name"), "allow": False},
            )

    def _publish(self, args: AzureFunctionArgs, home: AzureGroup, site: CloudResource) -> None:
        """Uploads the archive: in Flex Consumption the app itself writes it to its container."""
        CloudResource(
            "command:local:Command",
            self.named("publish"),
            {
                "create": _PUBLISH,
                "update": _PUBLISH,
                "triggers": [args.archive.digest],
                "environment": {
                    "SUBSCRIPTION": args.location.subscription,
                    "GROUP": home.name,
                    "APP": site.output("name"),
                    "ARCHIVE": args.archive.path,
                },
            },
            opts=self.owned(depends_on=[site]),
        )


def _problems(args: AzureFunctionArgs) -> list[Problem]:
    return [
        *args.access.problems(),
        *(args.secrets.problems() if args.secrets else []),
        *drain_problems(args.config, stops=_STOPS),
        *name_problems(args.config),
        *AZURE_FUNCTION_RESPONSE.problems(
            "config.budget.longest_tool",
            args.config.budget.at(Distance.GATEWAY).timeout,
            fix=f"set at most {AZURE_FUNCTION_RESPONSE.most - STEP}, "
            "or use AzureContainer for longer tools",
        ),
        *AZURE_FUNCTION_INSTANCES.problems(
            "max_instances",
            args.max_instances,
            fix=f"set at most {AZURE_FUNCTION_INSTANCES.most}",
        ),
        *AZURE_LOG_DAYS.problems("log_days", args.log_days, fix="set 30 to 730"),
    ]


def _references(secrets: AzureSecrets | None) -> dict[str, str]:
    """Settings that the platform replaces by what Key Vault holds."""
    versions: Mapping[str, str] = secrets.versions if secrets else {}
    return {name: f"@Microsoft.KeyVault(SecretUri={url})" for name, url in versions.items()}


def _identified(identity: CloudResource) -> dict[str, Any]:
    own = identity.output("id")
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": [own]},
        "keyVaultReferenceIdentity": own,
    }


def _restricted(access: AzureAccess) -> Mapping[str, Any]:
    rules = [
        {
            "name": f"allowed-{number}",
            "action": "Allow",
            "priority": 100 + number,
            "ipAddress": cidr,
        }
        for number, cidr in enumerate(access.allowed_from)
    ]
    return {
        "ipSecurityRestrictionsDefaultAction": "Allow" if access.public else "Deny",
        "ipSecurityRestrictions": rules,
    }
