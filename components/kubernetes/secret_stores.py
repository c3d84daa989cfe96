"""The secret stores that External Secrets reads: OpenBao and Vault, AWS, Google Cloud, Azure.

Each is read with the identity of a service account. No store is read with a stored credential.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from ..base.arg_types import Text
from ..base.authorities import authority_problems
from ..base.problems import Problem
from . import secret_store_forms as forms
from .cloud_identity import SYSTEMS, TENANT

VaultAddress = Annotated[str, forms.VAULT_ADDRESS]
VaultRole = Annotated[str, forms.VAULT_ROLE]
MountPath = Annotated[str, forms.MOUNT_PATH]
StorePrefix = Annotated[str, forms.STORE_PREFIX]
AwsRegion = Annotated[str, forms.AWS_REGION]
RoleArn = Annotated[str, forms.AWS_ROLE]
GoogleProject = Annotated[str, forms.GOOGLE_PROJECT]
GoogleAccount = Annotated[str, forms.GOOGLE_ACCOUNT]
KeyVaultUrl = Annotated[str, forms.KEY_VAULT_URL]
AzureId = Annotated[str, forms.AZURE_ID]

ACCOUNT: Final = "qudag-mcp-secrets"
"""Name of the service account whose identity reads the store."""


@dataclass(frozen=True, kw_only=True)
class VaultStore:
    """OpenBao or Vault, with a key-value engine of version 2.

    Attributes:
        address: its URL.
        role: role of its Kubernetes authentication that the service account logs in with.
        prefix: path below the mount; the entry of each Secret is ``<prefix>/<name of the Secret>``.
        mount: path of the key-value engine.
        auth_mount: path of the Kubernetes authentication.
        audience: audience of the service account's token, as the role names it.
        ca: certificates of the CAs that sign its certificate, as PEM; None for public ones.
        namespace: namespace of OpenBao or of Vault Enterprise; None for the root.
    """

    address: VaultAddress
    role: VaultRole
    prefix: StorePrefix
    mount: MountPath = "secret"
    auth_mount: MountPath = "kubernetes"
    audience: VaultRole = "vault"
    ca: Text | None = None
    namespace: MountPath | None = None

    def refusals(self) -> Iterator[Problem]:
        """A CA that is no certificate."""
        return ca_problems(self.ca)

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations of the service account."""
        return {}

    def provider(self) -> dict[str, Any]:
        """``spec.provider`` of the SecretStore."""
        account = {"name": ACCOUNT, "audiences": [self.audience]}
        login = {"mountPath": self.auth_mount, "role": self.role, "serviceAccountRef": account}
        vault: dict[str, Any] = {
            "server": self.address,
            "path": self.mount,
            "version": "v2",
            "auth": {"kubernetes": login},
        }
        if self.ca is not None:
            vault["caBundle"] = base64.b64encode(self.ca.encode()).decode()
        if self.namespace is not None:
            vault["namespace"] = self.namespace
        return {"vault": vault}

    def entry(self, secret: str) -> str:
        """Key of a Secret's entry."""
        return f"{self.prefix}/{secret}"

    def pushed(self, secret: str, keys: list[str]) -> list[dict[str, Any]]:
        """``spec.data`` of a PushSecret: each key alone, so that an absent one is added later."""
        return [
            {"match": {"secretKey": key, "remoteRef": _remote(self.entry(secret), key)}}
            for key in keys
        ]


def ca_problems(ca: str | None) -> Iterator[Problem]:
    """A CA that is no certificate, or has a private key beside it."""
    return authority_problems(
        ca,
        read_in="the SecretStore",
        unverified="External Secrets could not verify the store, and would read nothing",
    )


@dataclass(frozen=True, kw_only=True)
class AwsStore:
    """AWS Secrets Manager.

    Attributes:
        region: region of the entries.
        prefix: the entry of each Secret is ``<prefix>/<name of the Secret>``.
        identity: ``irsa``: ``role`` is assumed with the token of the service account.
            ``pod-identity``: the controller's own identity reads the store, or assumes ``role``.
        role: ARN of the role; required with ``irsa``.
    """

    region: AwsRegion
    prefix: StorePrefix
    identity: Literal["irsa", "pod-identity"] = "irsa"
    role: RoleArn | None = None

    def refusals(self) -> Iterator[Problem]:
        """IRSA without a role."""
        return role_problems(self.identity, self.role)

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations of the service account."""
        if self.identity == "irsa" and self.role:
            return {SYSTEMS["aws"].annotation: self.role}
        return {}

    def provider(self) -> dict[str, Any]:
        """``spec.provider`` of the SecretStore."""
        aws: dict[str, Any] = {"service": "SecretsManager", "region": self.region}
        if self.identity == "irsa":
            aws["auth"] = {"jwt": {"serviceAccountRef": {"name": ACCOUNT}}}
        elif self.role:
            aws["role"] = self.role
        return {"aws": aws}

    def entry(self, secret: str) -> str:
        """Name of a Secret's entry."""
        return f"{self.prefix}/{secret}"

    def pushed(self, secret: str, keys: list[str]) -> list[dict[str, Any]]:
        """``spec.data`` of a PushSecret."""
        del keys
        return _pushed_whole(self.entry(secret))


def role_problems(identity: str, role: str | None) -> Iterator[Problem]:
    """IRSA without a role."""
    if identity == "irsa" and role is None:
        yield Problem(
            "role",
            "is missing, and identity is irsa",
            "the service account could not log in to AWS: no Secret would be written",
            "set the ARN of a role that trusts the service account, or set identity to "
            "pod-identity",
        )


@dataclass(frozen=True, kw_only=True)
class GcpStore:
    """Google Cloud Secret Manager.

    Attributes:
        project: project of the entries.
        service_account: e-mail address of the Google service account that the Kubernetes service
            account acts as (workload identity).
        prefix: the entry of each Secret is ``<prefix>-<name of the Secret>``.
    """

    project: GoogleProject
    service_account: GoogleAccount
    prefix: StorePrefix

    def refusals(self) -> Iterator[Problem]:
        """A prefix with a slash, which entries of Google cannot have."""
        return flat_prefix_problems(self.prefix)

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations of the service account."""
        return {SYSTEMS["gcp"].annotation: self.service_account}

    def provider(self) -> dict[str, Any]:
        """``spec.provider`` of the SecretStore."""
        identity = {"serviceAccountRef": {"name": ACCOUNT}}
        return {"gcpsm": {"projectID": self.project, "auth": {"workloadIdentity": identity}}}

    def entry(self, secret: str) -> str:
        """Name of a Secret's entry."""
        return f"{self.prefix}-{secret}"

    def pushed(self, secret: str, keys: list[str]) -> list[dict[str, Any]]:
        """``spec.data`` of a PushSecret."""
        del keys
        return _pushed_whole(self.entry(secret))


@dataclass(frozen=True, kw_only=True)
class AzureStore:
    """Azure Key Vault.

    Attributes:
        vault_url: URL of the vault.
        client_id: client id of the managed identity, which trusts the service account.
        tenant_id: id of its tenant.
        prefix: the entry of each Secret is ``<prefix>-<name of the Secret>``.
    """

    vault_url: KeyVaultUrl
    client_id: AzureId
    tenant_id: AzureId
    prefix: StorePrefix

    def refusals(self) -> Iterator[Problem]:
        """A prefix with a slash, which entries of a Key Vault cannot have."""
        return flat_prefix_problems(self.prefix)

    @property
    def annotations(self) -> dict[str, str]:
        """Annotations of the service account."""
        return {
            SYSTEMS["azure"].annotation: self.client_id,
            TENANT: self.tenant_id,
        }

    def provider(self) -> dict[str, Any]:
        """``spec.provider`` of the SecretStore."""
        # Without authType External Secrets takes ServicePrincipal, which needs a stored secret.
        identity = {"authType": "WorkloadIdentity", "serviceAccountRef": {"name": ACCOUNT}}
        return {"azurekv": {"vaultUrl": self.vault_url, **identity}}

    def entry(self, secret: str) -> str:
        """Name of a Secret's entry."""
        return f"{self.prefix}-{secret}"

    def pushed(self, secret: str, keys: list[str]) -> list[dict[str, Any]]:
        """``spec.data`` of a PushSecret."""
        del keys
        return _pushed_whole(self.entry(secret))


def flat_prefix_problems(prefix: str) -> Iterator[Problem]:
    """A prefix with a slash, where names of entries have none."""
    if "/" in prefix:
        yield Problem(
            "prefix",
            "contains a slash",
            "the store refuses names with one: no entry could be found or written",
            "write letters, digits and dashes alone",
        )


SecretStore = VaultStore | AwsStore | GcpStore | AzureStore
STORES: Final[Mapping[str, type[SecretStore]]] = {
    "vault": VaultStore,
    "aws": AwsStore,
    "gcp": GcpStore,
    "azure": AzureStore,
}
"""By the name of the field in the args and in the stack file."""


def _remote(entry: str, key: str) -> dict[str, str]:
    return {"remoteKey": entry, "property": key}


def _pushed_whole(entry: str) -> list[dict[str, Any]]:
    # Here IfNotExists asks whether the entry exists, not whether it has the key: a second key that
    # is pushed alone would never arrive. The entry is one JSON object with all keys.
    return [{"match": {"remoteRef": {"remoteKey": entry}}}]
