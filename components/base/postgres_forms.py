"""The forms of texts that name things of PostgreSQL clusters and their backups."""

from __future__ import annotations

from typing import Final

from .constraints import Form
from .forms import IMAGE, LABEL

_WEBHOOK: Final = "the operator's webhook refuses the cluster"
_NOTHING_ARCHIVED: Final = "no WAL file would be archived: the disks fill up until it stops"

CLUSTER_NAME: Final = Form(
    name="cluster name",
    pattern="^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$",
    words="lower-case letters, digits and dashes, at most 50, beginning with a letter",
    examples=("postgres",),
    consequence=_WEBHOOK,
    longest=50,
)


def _has_a_version(image: str) -> tuple[str, str, str] | None:
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    if tag[:2].isdecimal():
        return None
    return (
        f"has the tag {tag!r}" if tag else "has no tag",
        "the operator reads the major version in the tag, and its webhook refuses the cluster",
        "write the version in the tag, such as "
        "ghcr.io/cloudnative-pg/postgresql:17.6-system-trixie, also in front of a digest",
    )


POSTGRES_IMAGE: Final = Form(
    name="image with a version",
    pattern=IMAGE.pattern,
    words=IMAGE.words,
    examples=("ghcr.io/cloudnative-pg/postgresql:17.6-system-trixie",),
    consequence=IMAGE.consequence,
    longest=IMAGE.longest,
    check=_has_a_version,
)
PARAMETER_NAME: Final = Form(
    name="parameter",
    pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$",
    words="the name of a parameter of PostgreSQL in lower case",
    examples=("work_mem",),
    consequence=_WEBHOOK,
    longest=63,
)
PARAMETER_VALUE: Final = Form(
    name="value of a parameter",
    pattern=r"^[A-Za-z0-9 ._,:%*+/-]+$",
    words="the value in quotes, of letters, digits, spaces and . _ , : % * + / -",
    examples=("64MB",),
    consequence="PostgreSQL would not start",
)
STORAGE_URL: Final = Form(
    name="URL of a bucket",
    pattern=(
        rf"^((s3|gs)://[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9]"
        rf"|https://[a-z0-9]{{3,24}}(\.{LABEL})+/[a-z0-9][a-z0-9-]{{1,61}}[a-z0-9])"
        r"(/[A-Za-z0-9._-]+)*/?$"
    ),
    words="s3://bucket/path, gs://bucket/path or https://account.blob.core.windows.net/"
    "container/path",
    examples=("s3://acme-backups/postgres",),
    consequence=_NOTHING_ARCHIVED,
    longest=512,
)
CLOUD_IDENTITY: Final = Form(
    name="identity",
    pattern=(
        r"^(arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,200}"
        r"|[a-z0-9]([a-z0-9-]*[a-z0-9])?@[a-z0-9.-]+\.gserviceaccount\.com"
        r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
    ),
    words="the ARN of a role of AWS, the address of a service account of Google Cloud, or the "
    "client id of a managed identity of Azure",
    examples=(
        "arn:aws:iam::123456789012:role/postgres-backups",
        "backups@acme-prod.iam.gserviceaccount.com",
        "0a1b2c3d-0000-4000-8000-0123456789ab",
    ),
    consequence=_NOTHING_ARCHIVED,
)
RETENTION: Final = Form(
    name="retention",
    pattern="^[1-9][0-9]{0,3}[dwm]$",
    words="a whole number of days (d), weeks (w) or months (m)",
    examples=("30d",),
    consequence="the API server refuses it",
)
BACKUP_FOLDER: Final = Form(
    name="folder of backups",
    pattern="^[A-Za-z0-9]([A-Za-z0-9._-]{0,60}[A-Za-z0-9])?$",
    words="the name of one folder: letters, digits and . _ -, at most 62",
    examples=("postgres-18",),
    consequence="Barman would write outside of the folder of this cluster",
    longest=62,
)
SCHEDULE: Final = Form(
    name="schedule of backups",
    pattern="^[A-Za-z0-9*?,/@ -]+$",
    words="six cron fields, beginning with the second",
    examples=("0 0 2 * * *",),
    consequence=_WEBHOOK,
    longest=128,
)
