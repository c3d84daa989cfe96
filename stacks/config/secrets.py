"""Section `secrets`: names of the Secrets that the platform mounts."""

from __future__ import annotations

from pydantic import Field

from .forms import SecretName
from .section import Section


class Secrets(Section):
    """Names of the Secrets that the platform mounts."""

    passwords: SecretName = Field(
        default="mcp-server-secrets", description="Keys database-password and redis-password."
    )
    tls: SecretName = Field(default="mcp-tls-secret", description="The public certificate.")
    internal_tls: SecretName = Field(
        default="mcp-internal-tls", description="The certificate between the platform's own pods."
    )
    issuer_keys: SecretName = Field(
        default="mcp-issuer-keys",
        description="Key jwks.json; used where protocol.jwksUrl is absent.",
    )
