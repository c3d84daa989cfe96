"""Secrets of Key Vault that a server reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from ..base.arg_types import SecretVariable
from ..base.cloud_resource import CloudResource
from ..base.constraints import shown
from ..base.problems import Problem
from ..mcp.cloud_server import variables_problems
from .arg_types import ResourceId, SecretVersion
from .identity import assign_role
from .resource_group import AzureGroup


@dataclass(frozen=True, kw_only=True)
class AzureSecrets:
    """Secrets of one Key Vault that a server reads from its environment.

    Attributes:
        vault: id of the Key Vault, ``/subscriptions/…/vaults/…``, whose access is by roles.
        versions: by environment variable, the address of a secret's version,
            ``https://….vault.azure.net/secrets/<name>/<version>``.
    """

    vault: ResourceId
    versions: Mapping[SecretVariable, SecretVersion]

    def name(self, variable: str) -> str:
        """The secret's name in the vault."""
        return self.versions[variable].split("/")[-2]

    def refusals(self) -> list[Problem]:
        """A problem for each secret of another vault, and for each variable of the component."""
        named = {f"versions.{variable}": address for variable, address in self.versions.items()}
        return [
            *variables_problems("versions", self.versions),
            *vault_problems(self.vault, named),
        ]


def vault_problems(vault: str, versions: Mapping[str, str]) -> list[Problem]:
    """A problem for each secret of another vault.

    Args:
        vault: id of the Key Vault.
        versions: addresses of versions of secrets, by their paths in the args.
    """
    named = vault.rpartition("/")[2].lower()
    vaults = {
        path: address.removeprefix("https://").partition(".")[0]
        for path, address in versions.items()
    }
    return [
        Problem(
            path,
            f"is in the vault {shown(its_vault)}, and vault is {shown(named)}",
            "the server's identity would have no right to read it",
            "use a secret of the vault, or set vault to the one that holds the secrets",
        )
        for path, its_vault in vaults.items()
        if its_vault != named
    ]


def allow_reading(
    group: AzureGroup,
    identity: CloudResource,
    secrets: AzureSecrets | None,
    of_otlp: AzureSecrets | None = None,
) -> list[pulumi.Resource]:
    """Lets the identity read exactly these secrets; its app should depend on these."""
    names: dict[str, tuple[str, str]] = {}
    for word, listed in (("secret", secrets), ("otlp-secret", of_otlp)):
        for name in sorted({listed.name(each) for each in listed.versions} if listed else ()):
            assert listed is not None
            scope = f"{listed.vault}/secrets/{name}"
            # Ids of Azure have no case: it refuses a second assignment to the same one.
            names.setdefault(scope.lower(), (scope, f"{word}-{name}"))
    return [
        assign_role(group, identity, "Key Vault Secrets User", scope, on=on)
        for scope, on in names.values()
    ]
