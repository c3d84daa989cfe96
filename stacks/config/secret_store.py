"""Section `secrets`: the store that External Secrets reads the Secrets from."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.kubernetes import secret_store_forms as store_forms

from .forms import constraint
from .section import Section

SECRET_STORE_FORMS: Final = {form.pattern: form for form in store_forms.FORMS}
"""By pattern, as a refusal names it."""

StoreName = Literal["none", "vault", "aws", "gcp", "azure"]
Source = Literal["store", "cluster"]

_Prefix = Annotated[str, constraint(store_forms.STORE_PREFIX)]
_MountPath = Annotated[str, constraint(store_forms.MOUNT_PATH)]
_VaultRole = Annotated[str, constraint(store_forms.VAULT_ROLE)]
_AzureId = Annotated[str, constraint(store_forms.AZURE_ID)]


class _Store(Section):
    """What all stores have."""

    prefix: _Prefix | None = Field(
        default=None,
        description="What the names of all entries begin with; absent: the platform's namespace.",
    )


class Vault(_Store):
    """OpenBao or Vault, with a key-value engine of version 2; logs in by service account."""

    address: Annotated[str, constraint(store_forms.VAULT_ADDRESS)] = Field(
        description="Its URL, which External Secrets connects to."
    )
    role: _VaultRole = Field(
        description="Role of its Kubernetes authentication, bound to the service account "
        "qudag-mcp-secrets of the platform's namespaces."
    )
    mount: _MountPath = Field(default="secret", description="Path of the key-value engine.")
    auth_mount: _MountPath = Field(
        default="kubernetes", description="Path of the Kubernetes authentication."
    )
    audience: _VaultRole = Field(
        default="vault", description="Audience of the service account's token, as the role has it."
    )
    ca: str | None = Field(
        default=None,
        description="Certificates of the CAs that sign its certificate, in PEM; absent: "
        "public ones.",
    )
    namespace: _MountPath | None = Field(
        default=None, description="Namespace of OpenBao or Vault Enterprise; absent: the root."
    )


class AwsSecretsManager(_Store):
    """AWS Secrets Manager, read with the role of a service account."""

    region: Annotated[str, constraint(store_forms.AWS_REGION)] = Field(
        description="Region of the entries."
    )
    identity: Literal["irsa", "pod-identity"] = Field(
        default="irsa",
        description="irsa: the service account qudag-mcp-secrets assumes role. pod-identity: "
        "the controller's own identity reads the store, or assumes role.",
    )
    role: Annotated[str, constraint(store_forms.AWS_ROLE)] | None = Field(
        default=None, description="ARN of the role; required with irsa."
    )


class GoogleSecretManager(_Store):
    """Google Cloud Secret Manager, read by workload identity."""

    project: Annotated[str, constraint(store_forms.GOOGLE_PROJECT)] = Field(
        description="Project of the entries."
    )
    service_account: Annotated[str, constraint(store_forms.GOOGLE_ACCOUNT)] = Field(
        description="Google service account that the service account qudag-mcp-secrets acts as."
    )


class AzureKeyVault(_Store):
    """Azure Key Vault, read by workload identity."""

    vault_url: Annotated[str, constraint(store_forms.KEY_VAULT_URL)] = Field(
        description="URL of the vault."
    )
    client_id: _AzureId = Field(
        description="Client id of the managed identity that trusts the service account "
        "qudag-mcp-secrets."
    )
    tenant_id: _AzureId = Field(description="Id of its tenant.")


class SecretStoreFields(Section):
    """The fields of the section `secrets` that name no Secret: the store, and rotation."""

    rotation_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Days after which the values of a Secret are due to be replaced: `qudag-mcp "
        "verify` names each older one.",
    )

    store: StoreName = Field(
        default="none",
        description="Where the values are. none: Secrets are made in the cluster by hand, by `up` "
        "or by cert-manager. Others: External Secrets, which must run in the cluster, writes them.",
    )
    vault: Vault | None = Field(default=None, description="The store vault: OpenBao or Vault.")
    aws: AwsSecretsManager | None = Field(default=None, description="The store aws.")
    gcp: GoogleSecretManager | None = Field(default=None, description="The store gcp.")
    azure: AzureKeyVault | None = Field(default=None, description="The store azure.")
    source: Source | None = Field(
        default=None,
        description="With a store: where passwords and keys come from. store (also if absent): an "
        "entry, with random values where it has none. cluster: Secrets of the cluster are copied "
        "into the store, the first step when a running platform gets one.",
    )
    certificate_source: Source | None = Field(
        default=None,
        description="The same for certificates, their CA and mcp-issuer-keys; absent: as "
        "source. cluster: for cert-manager.",
    )
    refresh_seconds: int | None = Field(
        default=None,
        ge=5,
        le=86_400,
        description="Seconds between two reads of the store; absent: 300.",
    )
