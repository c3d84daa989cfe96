"""How each cloud calls a secret, for components and for the forms of the configuration."""

from __future__ import annotations

from typing import Final

AWS_ARN: Final = (
    r"arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:qudag-mcp/[A-Za-z0-9/_+=.@-]+"
    r"-[A-Za-z0-9]{6}"
)
"""A whole ARN: AWS puts a dash and six characters after the name (CreateSecret)."""

AWS_REFERENCE: Final = rf"{AWS_ARN}(:[A-Za-z0-9_.-]+::)?"
"""The same, and the key of a JSON secret as ECS writes it."""

GCP_VERSION: Final = r"projects/[a-z0-9-]+/secrets/[A-Za-z0-9_-]{1,255}/versions/[1-9][0-9]*"
"""One version, by its number."""

AZURE_VERSION: Final = (
    r"https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net"
    r"/secrets/[A-Za-z0-9-]{1,127}/[0-9a-f]{32}"
)
"""The address of one version in a Key Vault."""
