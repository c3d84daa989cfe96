"""Section `secrets`: names of the Secrets that the platform mounts, and where they come from."""

from __future__ import annotations

from pydantic import Field

from .forms import SecretName
from .secret_store import SecretStoreFields


class Secrets(SecretStoreFields):
    """Names of the Secrets that the platform mounts, and where their values come from."""

    passwords: SecretName = Field(
        default="mcp-server-secrets",
        description="Key database-password; with data.valkey.sharedPassword also redis-password; "
        "with audit.enabled also audit-password and audit-keeper-password; with backup also "
        "backup-password and restore-password.",
    )
    postgres_exporter: SecretName = Field(
        default="mcp-postgres-exporter",
        description="Key password: of the role qudag_monitor; used with data.databaseExporter.",
    )
    grafana: SecretName = Field(
        default="mcp-grafana",
        description="Key secret-key, with which Grafana signs and encrypts; without "
        "observability.standalone.grafana.signIn also password, of the user admin.",
    )
    valkey_users: SecretName = Field(
        default="mcp-valkey",
        description="Prefix of the names of the Secrets with the passwords of Valkey's users, one "
        "for each service that connects to it: mcp-valkey-mcp-core has the key password of the "
        "user mcp-core.",
    )
    tls: SecretName = Field(default="mcp-tls-secret", description="The public certificate.")
    internal_tls: SecretName = Field(
        default="mcp-internal-tls",
        description="Prefix of the names of the internal TLS Secrets, one for each server and data "
        "store: mcp-internal-tls-mcp-core has the certificate and key of mcp-core.",
    )
    internal_ca: SecretName = Field(
        default="mcp-internal-ca",
        description="Key ca.crt: the CA of the certificates between the platform's pods.",
    )
    issuer_keys: SecretName = Field(
        default="mcp-issuer-keys",
        description="Key jwks.json; used where protocol.jwksUrl is absent.",
    )
    issuer_ca: SecretName | None = Field(
        default=None,
        description="Key ca.crt: CAs to trust besides the public ones when the servers "
        "fetch keys; for issuers with a private CA.",
    )
    user_keys: SecretName | None = Field(
        default="mcp-user-keys",
        description="Keys user-master-key and vault-master-key, from which the keys of users and "
        "of their vault are derived: without them, what users have encrypted is lost. null: no "
        "tools with keys of users, and no vault.",
    )

    @property
    def names(self) -> dict[str, str]:
        """The names of Secrets by the field that sets them; without those that are left out."""
        every = self.model_dump(by_alias=True, exclude_none=True)
        other = {field.alias for field in SecretStoreFields.model_fields.values()}
        return {field: name for field, name in every.items() if field not in other}

    def internal_tls_of(self, workload: str) -> str:
        """The Secret with the certificate and key of one server or data store."""
        return f"{self.internal_tls}-{workload}"

    def valkey_user(self, user: str) -> str:
        """The Secret with the password of a user of Valkey."""
        return f"{self.valkey_users}-{user}"
