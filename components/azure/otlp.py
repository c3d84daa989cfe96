"""A receiver of OTLP for servers on Azure."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.problems import Problem
from ..mcp.otlp import TOKEN_VARIABLE, OtlpReceiver
from .arg_types import ResourceId, SecretVersion
from .secrets import AzureSecrets, vault_problems


@dataclass(frozen=True, kw_only=True)
class AzureOtlpReceiver(OtlpReceiver):
    """A receiver of yours, for containers.

    Attributes:
        token: the address of the version of a secret in Key Vault with the token,
            ``https://….vault.azure.net/secrets/<name>/<version>``; None: no token is sent.
        vault: id of the Key Vault, ``/subscriptions/…/vaults/…``, whose access is by roles.
    """

    token: SecretVersion | None = None
    vault: ResourceId | None = None

    @property
    def secrets(self) -> AzureSecrets | None:
        """The secret with the token; None: there is none."""
        if self.token is None or self.vault is None:
            return None
        return AzureSecrets(vault=self.vault, versions={TOKEN_VARIABLE: self.token})

    def refusals(self) -> list[Problem]:
        found = super().refusals()
        if (self.token is None) != (self.vault is None):
            present, absent = ("token", "vault") if self.token else ("vault", "token")
            found.append(
                Problem(
                    absent,
                    f"is missing, and {present} is set",
                    "the app could not be given the right to read the token",
                    "set both, or neither",
                )
            )
        if self.token and self.vault:
            found += vault_problems(self.vault, {"token": self.token})
        return found
