"""What a server has on Azure however it runs there: group, identity, rights, state, logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.naming import fitted, unique
from ..base.problems import Problem
from ..mcp.cloud_server import variables_problems
from ..mcp.server_config import CloudServerConfig, State
from .facts import AZURE_VERSION, NAME_RULES
from .location import AzureLocation

ROLES: Final = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
"""Ids of built-in roles, the same in every tenant (Azure RBAC, Azure built-in roles)."""

STORAGE: Final = "azure-native:storage:StorageAccount"
WORKSPACE: Final = "azure-native:operationalinsights:Workspace"
_IDENTITY: Final = "azure-native:managedidentity:UserAssignedIdentity"
_GROUP: Final = "azure-native:resources:ResourceGroup"
TAGGED: Final = frozenset(
    {
        _GROUP,
        _IDENTITY,
        STORAGE,
        WORKSPACE,
        "azure-native:app:ContainerApp",
        "azure-native:app:ManagedEnvironment",
        "azure-native:applicationinsights:Component",
        "azure-native:containerinstance:ContainerGroup",
        "azure-native:dbforpostgresql:Server",
        "azure-native:network:PrivateEndpoint",
        "azure-native:redisenterprise:RedisEnterprise",
        "azure-native:web:AppServicePlan",
        "azure-native:web:WebApp",
    }
)
"""Types that have a location and take tags; the others are parts of one that does."""


@dataclass(frozen=True, kw_only=True)
class AzureSecrets:
    """What a server reads from its environment, out of one Key Vault.

    Attributes:
        vault: id of the Key Vault, ``/subscriptions/…/vaults/…``; roles decide who reads it.
        versions: by variable, the address of a secret's version,
            ``https://….vault.azure.net/secrets/<name>/<version>``.
    """

    vault: str
    versions: Mapping[str, str]

    def name(self, variable: str) -> str:
        """The secret's name in the vault."""
        return self.versions[variable].split("/")[-2]

    def problems(self) -> list[Problem]:
        """Addresses that are no version of a secret of this vault."""
        vault = self.vault.rpartition("/")[2].lower()
        problems = variables_problems(self.versions)
        for variable, address in self.versions.items():
            found = re.fullmatch(AZURE_VERSION, address)
            its_vault = address.removeprefix("https://").partition(".")[0]
            path = f"secrets.versions.{variable}"
            if not found:
                problems.append(
                    Problem(
                        path,
                        f"{address!r} is not the address of one version",
                        "what runs tomorrow might read another secret than what was tested",
                        f"write https://{vault}.vault.azure.net/secrets/<name>/<version>",
                    )
                )
            elif its_vault != vault:
                problems.append(
                    Problem(
                        path,
                        f"is in the vault {its_vault}, and secrets.vault is {vault}",
                        "the server's identity would have no right to read it",
                        f"use a secret of {vault}",
                    )
                )
        return problems


def name_problems(config: CloudServerConfig) -> list[Problem]:
    """A host name that nothing binds to an app: Azure answers 404 at it."""
    if config.domain is None:
        return []
    return [
        Problem(
            "config.domain",
            f"is {config.domain}, and no name of yours is bound to the app",
            "Azure would answer 404 there, and the server would not answer to the app's own name",
            "leave it out: the app has a name of its own, which mcp_url says",
        )
    ]


@dataclass(frozen=True)
class AzureGroup:
    """The resource group of a component: everything of it is in there, tagged and named alike.

    Attributes:
        owner: the component.
        location: where it is.
    """

    owner: Component[Any]
    location: AzureLocation

    @cached_property
    def name(self) -> pulumi.Output[str]:
        """The group's name; made when it is first asked for."""
        inputs = {"resourceGroupName": self.physical(_GROUP, "group"), **self._placed}
        group = CloudResource(
            _GROUP, self.owner.named("group"), inputs, outputs=("name",), opts=self.owner.owned()
        )
        return group.output("name")

    def make(
        self,
        token: str,
        role: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] = (),
        **options: Any,
    ) -> CloudResource:
        """A resource in the group: with its name where it has one, location and tags if it can."""
        given: dict[str, Any] = {"resourceGroupName": self.name}
        if rule := NAME_RULES.get(token):
            given[rule.key] = self.physical(token, role)
        if token in TAGGED:
            given |= self._placed
        return CloudResource(
            token,
            self.owner.named(role),
            {**given, **inputs},
            outputs=("name", *outputs),
            opts=self.owner.owned(**options),
        )

    def physical(self, token: str, role: str) -> str:
        """The name of what plays ``role``."""
        location = (self.location.subscription, self.location.region)
        stack = (pulumi.get_project(), pulumi.get_stack())
        suffix = unique(*stack, *location, self.owner.name, role)
        return fitted(NAME_RULES[token], self.owner.name, role, suffix=suffix)

    @property
    def _placed(self) -> dict[str, Any]:
        return {"location": self.location.region, "tags": dict(self.location.tags)}

    def identity(self) -> CloudResource:
        """A managed identity of the component's own, without any right."""
        return self.make(_IDENTITY, "identity", {}, outputs=("principalId", "clientId"))

    def allow(
        self, identity: CloudResource, role: str, scope: pulumi.Input[str], *, on: str
    ) -> pulumi.Resource:
        """Gives a built-in role on one resource, and on nothing around it.

        Args:
            role: a key of ROLES.
            scope: id of the resource.
            on: what the resource is, for the name of the assignment.
        """
        definitions = "providers/Microsoft.Authorization/roleDefinitions"
        return CloudResource(
            "azure-native:authorization:RoleAssignment",
            self.owner.named(f"uses-{on}"),
            {
                "principalId": identity.output("principalId"),
                # Without the type Azure looks for an identity that its directory may not have yet.
                "principalType": "ServicePrincipal",
                "roleDefinitionId": f"/subscriptions/{self.location.subscription}/{definitions}"
                f"/{ROLES[role]}",
                "scope": scope,
            },
            opts=self.owner.owned(),
        )

    def may_read(
        self, identity: CloudResource, secrets: AzureSecrets | None
    ) -> list[pulumi.Resource]:
        """Lets the identity read exactly these secrets; what starts with them waits for it."""
        if secrets is None:
            return []
        names = sorted({secrets.name(variable) for variable in secrets.versions})
        scope = f"{secrets.vault}/secrets"
        return [
            self.allow(identity, "Key Vault Secrets User", f"{scope}/{name}", on=f"secret-{name}")
            for name in names
        ]

    def storage(self, *, protect: bool) -> CloudResource:
        """A storage account that knows no keys: every request proves an identity."""
        return self.make(
            STORAGE,
            "storage",
            {
                "kind": "StorageV2",
                "sku": {"name": "Standard_LRS"},
                "allowSharedKeyAccess": False,
                "allowBlobPublicAccess": False,
                "allowCrossTenantReplication": False,
                "defaultToOAuthAuthentication": True,
                "enableHttpsTrafficOnly": True,
                "isLocalUserEnabled": False,
                "minimumTlsVersion": "TLS1_2",
            },
            outputs=("primaryEndpoints",),
            protect=protect,
        )

    def kept_state(
        self, storage: CloudResource, identity: CloudResource, *, protect: bool
    ) -> tuple[State, list[pulumi.Resource]]:
        """A table for sessions: what the server is told, and what it waits for."""
        sessions = self.make(
            "azure-native:storage:Table",
            "sessions",
            {"accountName": storage.output("name"), "tableName": "sessions"},
            protect=protect,
        )
        role = "Storage Table Data Contributor"
        right = self.allow(identity, role, sessions.output("id"), on="sessions")
        endpoint = storage.output("primaryEndpoints").apply(lambda to: to["table"].rstrip("/"))
        where = {"endpoint": endpoint, "sessions": sessions.output("tableName")}
        return State(kind="azure-tables", where=where), [right]

    def workspace(self, *, days: int) -> CloudResource:
        """A Log Analytics workspace that keeps what it is given for ``days``."""
        return self.make(
            WORKSPACE,
            "logs",
            {
                "sku": {"name": "PerGB2018"},
                "retentionInDays": days,
                # Its keys let whoever has one write logs: identities do instead.
                "features": {"disableLocalAuth": True},
            },
        )

    def logged(
        self, made: CloudResource, workspace: CloudResource, categories: Iterable[str]
    ) -> None:
        """Sends what a resource writes to the workspace, without the workspace's key."""
        CloudResource(
            "azure-native:monitor:DiagnosticSetting",
            self.owner.named("log-route"),
            {
                "name": "to-workspace",
                "resourceUri": made.output("id"),
                "workspaceId": workspace.output("id"),
                "logs": [{"category": each, "enabled": True} for each in categories],
            },
            opts=self.owner.owned(),
        )
