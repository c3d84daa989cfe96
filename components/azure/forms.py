"""Forms of texts that name things of Azure: places, networks, secrets."""

from __future__ import annotations

from typing import Final

from ..base.cloud_facts import NO_SUCH_MACHINE, NO_SUCH_PLACE, NOT_FOUND, OTHER_VERSION
from ..base.constraints import Form
from .facts import AZURE_VERSION

TAGS_REFUSED: Final = "Azure refuses every resource that carries it"
ID: Final = Form(
    name="Azure id",
    pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    words="an id of 32 hexadecimal digits in five groups, in lower case",
    examples=("0a1b2c3d-0000-4000-8000-0123456789ab",),
    consequence=NO_SUCH_PLACE,
)
LOCATION: Final = Form(
    name="Azure location",
    pattern=r"^[a-z]+[0-9]?$",
    words="a location of Azure, in lower case and one word",
    examples=("westeurope", "eastus2"),
    consequence=NO_SUCH_PLACE,
)
RESOURCE: Final = Form(
    name="Azure resource",
    pattern=r"^/subscriptions/[0-9a-f-]{36}/resourceGroups/[A-Za-z0-9_.()-]+"
    r"/providers/[A-Za-z0-9_.]+(/[A-Za-z0-9_.-]+)+$",
    words="the id of a resource of Azure",
    examples=(
        "/subscriptions/0a1b2c3d-0000-4000-8000-0123456789ab/resourceGroups/network/providers"
        "/Microsoft.Network/virtualNetworks/main/subnets/apps",
    ),
    consequence=NOT_FOUND,
    longest=1024,
)
SECRET: Final = Form(
    name="Azure secret",
    pattern=f"^{AZURE_VERSION}$",
    words="the address of one version of a secret in Key Vault",
    examples=(
        "https://qudag-prod.vault.azure.net/secrets/api-key/0123456789abcdef0123456789abcdef",
    ),
    consequence=OTHER_VERSION,
    longest=512,
    secret=True,
)
DATABASE_MACHINE: Final = Form(
    name="SKU of PostgreSQL",
    pattern="^[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)+$",
    words="the name of a SKU of Azure Database for PostgreSQL",
    examples=("Standard_D2ds_v5",),
    consequence=NO_SUCH_MACHINE,
)
CACHE_MACHINE: Final = Form(
    name="SKU of Redis",
    pattern="^[A-Z][A-Za-z]+_[A-Z][0-9]+$",
    words="the name of a SKU of Azure Managed Redis",
    examples=("Balanced_B1",),
    consequence=NO_SUCH_MACHINE,
)
TAG_NAME: Final = Form(
    name="tag name",
    pattern=r"^[^<>%&\\?/\x00-\x1f\x7f\ud800-\udfff]+$",
    words="one line without < > % & \\ ? and /",
    examples=("team",),
    consequence=TAGS_REFUSED,
    longest=512,
)
TAG_VALUE: Final = Form(
    name="tag value",
    pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]*$",
    words="one line of at most 256 characters",
    examples=("payments",),
    consequence=TAGS_REFUSED,
    shortest=0,
    longest=256,
)
KEY_URI: Final = Form(
    name="key of Key Vault",
    pattern=r"^https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net/keys/[A-Za-z0-9-]{1,127}$",
    words="the address of a key in Key Vault, without a version",
    examples=("https://qudag-prod.vault.azure.net/keys/backups",),
    consequence="nothing could be encrypted with it",
    longest=256,
)
ACTION_GROUP: Final = Form(
    name="action group",
    pattern=r"^/subscriptions/[0-9a-f-]{36}/resourceGroups/[A-Za-z0-9_.()-]+"
    r"/providers/[Mm]icrosoft\.[Ii]nsights/action[Gg]roups/[^/\s<>%&\\?]+$",
    words="the id of an action group of Azure Monitor",
    examples=(
        "/subscriptions/0a1b2c3d-0000-4000-8000-0123456789ab/resourceGroups/on-call/providers"
        "/Microsoft.Insights/actionGroups/on-call",
    ),
    consequence="alerts would notify nobody",
    longest=1024,
)
MONTH: Final = Form(
    name="month",
    pattern=r"^20[2-9][0-9]-(0[1-9]|1[0-2])$",
    words="a year and a month",
    examples=("2026-12",),
    consequence="Azure refuses the budget: it begins on the first day of a month",
)
