"""Secrets of Key Vault that a server reads from its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.problems import Problem
from ..mcp.cloud_server import variables_problems
from .facts import AZURE_VERSION
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

    vault: str
    versions: Mapping[str, str]

    def name(self, variable: str) -> str:
        """The secret's name in the vault."""
        return self.versions[variable].split("/")[-2]

    def problems(self) -> list[Problem]:
        """A problem for each address that is not a secret version of this vault."""
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
                        "the server would read a new version that was not tested",
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


def allow_reading(
    group: AzureGroup, identity: CloudResource, secrets: AzureSecrets | None
) -> list[pulumi.Resource]:
    """Lets the identity read exactly these secrets; its app should depend on these."""
    if secrets is None:
        return []
    role, scope = "Key Vault Secrets User", f"{secrets.vault}/secrets"
    return [
        assign_role(group, identity, role, f"{scope}/{name}", on=f"secret-{name}")
        for name in sorted({secrets.name(variable) for variable in secrets.versions})
    ]
