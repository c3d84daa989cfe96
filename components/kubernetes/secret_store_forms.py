"""Forms of the addresses and names of secret stores."""

from __future__ import annotations

from typing import Final

from ..base.constraints import Form
from ..base.forms import LABEL
from ..base.identity_forms import AWS_ROLE, AZURE_ID, GOOGLE_ACCOUNT

_NOT_FOUND: Final = "External Secrets could not log in to the store: no Secret would be written"
_NO_ENTRY: Final = "the store refuses such names: no entry could be found or written"

VAULT_ADDRESS: Final = Form(
    name="address of a Vault",
    pattern=rf"^https://{LABEL}(\.{LABEL})*(:[1-9][0-9]{{0,4}})?$",
    words="an https:// URL of host and port alone",
    examples=("https://openbao.secrets.svc:8200",),
    consequence="tokens and secrets would be sent unencrypted, or nowhere",
    longest=2048,
)
VAULT_ROLE: Final = Form(
    name="role of a Vault",
    pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$",
    words="a name of letters, digits and . _ -, at most 128",
    examples=("qudag-mcp",),
    consequence=_NOT_FOUND,
    longest=128,
)
MOUNT_PATH: Final = Form(
    name="path of a Vault",
    pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$",
    words="letters, digits and . _ -, with / between the parts and not at the ends",
    examples=("kubernetes",),
    consequence=_NOT_FOUND,
    longest=200,
)
STORE_PREFIX: Final = Form(
    name="prefix of entries",
    pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9][A-Za-z0-9-]*)*$",
    words="letters, digits and dashes, with / between the parts and not at the ends, at most 70",
    examples=("qudag-mcp-prod",),
    consequence=_NO_ENTRY,
    longest=70,
)
AWS_REGION: Final = Form(
    name="region of AWS",
    pattern=r"^[a-z]{2}(-[a-z]+)+-[1-9]$",
    words="the code of a region of AWS",
    examples=("eu-central-1",),
    consequence=_NOT_FOUND,
    longest=30,
)
GOOGLE_PROJECT: Final = Form(
    name="project of Google Cloud",
    pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$",
    words="the id of a project: lower-case letters, digits and dashes, 6 to 30",
    examples=("qudag-prod",),
    consequence=_NOT_FOUND,
    longest=30,
)
KEY_VAULT_URL: Final = Form(
    name="URL of a Key Vault",
    pattern=r"^https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)/?$",
    words="the https:// URL of an Azure Key Vault",
    examples=("https://qudag-prod.vault.azure.net",),
    consequence=_NOT_FOUND,
    longest=80,
)
ENTRY_KEY: Final = Form(
    name="key of a Secret",
    pattern=r"^(?=.*[A-Za-z0-9])[A-Za-z0-9._-]+$",
    words="letters, digits and . _ -, with a letter or a digit",
    examples=("database-password", ".dockerconfigjson"),
    consequence="the API server refuses every object that contains it",
)
FORMS: Final = (
    *(VAULT_ADDRESS, VAULT_ROLE, MOUNT_PATH, STORE_PREFIX),
    *(AWS_REGION, AWS_ROLE, GOOGLE_PROJECT, GOOGLE_ACCOUNT, KEY_VAULT_URL, AZURE_ID),
)
"""Those that the stack file has."""
