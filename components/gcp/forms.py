"""Forms of texts that name things of Google Cloud: places, networks, secrets."""

from __future__ import annotations

from typing import Final

from ..base.cloud_facts import NO_SUCH_MACHINE, NO_SUCH_PLACE, NOT_FOUND, OTHER_VERSION
from ..base.constraints import Form
from .facts import GCP_VERSION

PROJECT: Final = Form(
    name="Google Cloud project",
    pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$",
    words="the id of a project: lower-case letters, digits and dashes, 6 to 30",
    examples=("qudag-prod",),
    consequence=NO_SUCH_PLACE,
)
BILLING_ACCOUNT: Final = Form(
    name="billing account",
    pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$",
    words="the id of a billing account: six hexadecimal digits three times, with dashes",
    examples=("012345-6789AB-CDEF01",),
    consequence=NOT_FOUND,
)
CHANNEL: Final = Form(
    name="notification channel",
    pattern=r"^projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/notificationChannels/[0-9]+$",
    words="the id of a notification channel of Cloud Monitoring",
    examples=("projects/qudag-prod/notificationChannels/1234567890123456789",),
    consequence="alerts would notify nobody",
)
REGION: Final = Form(
    name="Google Cloud region",
    pattern=r"^[a-z]+-[a-z]+[0-9]{1,2}$",
    words="a region of Google Cloud",
    examples=("europe-west1",),
    consequence=NO_SUCH_PLACE,
)
NETWORK: Final = Form(
    name="Google Cloud network",
    pattern=r"^projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/(global/networks|regions/[a-z0-9-]+/subnetworks)/[a-z][a-z0-9-]{0,62}$",
    words="the id of a network or of a subnetwork",
    examples=(
        "projects/qudag-prod/global/networks/main",
        "projects/qudag-prod/regions/europe-west1/subnetworks/main",
    ),
    consequence=NOT_FOUND,
)
SECRET: Final = Form(
    name="Google Cloud secret",
    pattern=f"^{GCP_VERSION}$",
    words="one version of a secret, by its number",
    examples=("projects/qudag-prod/secrets/api-key/versions/3",),
    consequence=OTHER_VERSION,
    longest=512,
    secret=True,
)
MEMBER: Final = Form(
    name="Google Cloud member",
    pattern=r"^(user|group|serviceAccount):[A-Za-z0-9._%+-]+@[a-z0-9.-]+$",
    words="a user, a group or a service account",
    examples=("serviceAccount:agent@qudag-prod.iam.gserviceaccount.com",),
    consequence="IAM would refuse it, or let everybody call the server",
)
SERVICE_ACCOUNT: Final = Form(
    name="service account",
    pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?@[a-z0-9.-]+\.gserviceaccount\.com$",
    words="the e-mail address of a service account",
    examples=("core@qudag-prod.iam.gserviceaccount.com",),
    consequence="nobody could log in: there is no password",
)
KEY: Final = Form(
    name="Cloud KMS key",
    pattern=r"^projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/locations/[a-z0-9-]+/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}$",
    words="the id of a key of Cloud KMS, without a version",
    examples=("projects/qudag-prod/locations/europe-west1/keyRings/mcp/cryptoKeys/mcp",),
    consequence="nothing could be encrypted with it",
)
DATABASE_MACHINE: Final = Form(
    name="machine type",
    pattern="^db-[a-z0-9]+(-[a-z0-9]+)*$",
    words="a machine type of Cloud SQL",
    examples=("db-custom-2-7680",),
    consequence=NO_SUCH_MACHINE,
)
CACHE_MACHINE: Final = Form(
    name="node type",
    pattern="^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$",
    words="a node type of Memorystore",
    examples=("STANDARD_SMALL",),
    consequence=NO_SUCH_MACHINE,
)
