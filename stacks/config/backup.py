"""Section `backup`: what is backed up to which bucket, how often, and how backups are tried."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.kubernetes import backup_storage

from .data import VolumeName
from .forms import Bytes, Cidr, SecretName, Url, Word, checked, constraint
from .section import Section

BACKUP_FORMS: Final = {
    form.pattern: form for form in (backup_storage.LOCATION, backup_storage.ENDPOINT)
}
"""By pattern, as a refusal names it."""
Endpoint = Annotated[str, constraint(backup_storage.ENDPOINT), checked(backup_storage.ENDPOINT)]


class CreatedBucket(Section):
    """A bucket in the account of clouds.<cloud>, in another region than the data."""

    cloud: Literal["aws", "gcp", "azure"] = Field(description="Where it is created.")
    region: Word = Field(description="Another region than that of clouds.<cloud>.")
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=3650,
        description="Days after which a backup is deleted; absent: 7 in dev, else 30.",
    )
    lock_days: int = Field(
        default=7,
        ge=1,
        le=3650,
        description="Days for which a backup that is deleted or overwritten can be restored; at "
        "most retentionDays.",
    )
    issuer: Url | None = Field(
        default=None,
        description="With azure, and required there: the cluster's issuer of tokens of service "
        "accounts (az aks show --query oidcIssuerProfile.issuerUrl).",
    )


class NamedBucket(Section):
    """A bucket that exists already."""

    url: Annotated[str, constraint(backup_storage.LOCATION)] = Field(
        description="The bucket, with a path or without."
    )
    endpoint: Endpoint | None = Field(
        default=None, description="A service with the API of S3; absent: AWS."
    )
    region: Word | None = Field(default=None, description="Region of the bucket.")
    key: SecretName = Field(description="Secret with access-key and secret-key of the bucket.")
    networks: list[Cidr] = Field(
        min_length=1, description="Addresses of the bucket's service, which the job may reach."
    )


class BackupBucket(Section):
    """A bucket that exists already, or that the stack creates."""

    url: Annotated[str, constraint(backup_storage.LOCATION)] | None = Field(
        default=None, description="The bucket, with a path or without; absent: see create."
    )
    create: CreatedBucket | None = Field(
        default=None, description="Create the bucket; absent: see url."
    )
    endpoint: Endpoint | None = Field(
        default=None, description="A service with the API of S3; absent: AWS."
    )
    region: Word | None = Field(default=None, description="Region of the bucket.")
    key: SecretName | None = Field(
        default=None,
        description="Secret with access-key and secret-key of the bucket; absent: the jobs have "
        "identities of its cloud (kubernetes.identities).",
    )
    networks: list[Cidr] = Field(
        min_length=1, description="Addresses of the bucket's service, which the jobs may reach."
    )


class Backup(Section):
    """Backups of the embedded database, of volumes and of the stack's Kubernetes objects."""

    bucket: BackupBucket = Field(description="Where they are stored.")
    schedule: str = Field(
        default="0 2 * * *", max_length=64, description="When to back up, in UTC: five fields."
    )
    drill: str | None = Field(
        default="0 4 * * 0",
        max_length=64,
        description="When to restore the newest backup beside the database, compare it and drop it "
        "again, and to read the newest backup of each volume; null: never.",
    )
    recovery_point_minutes: int = Field(
        default=1560,
        ge=1,
        le=525_600,
        description="Oldest that the newest backup may be, in minutes: the drill fails otherwise. "
        "Longer than the time between two backups.",
    )
    volumes: list[VolumeName] | None = Field(
        default=None,
        max_length=100,
        description="Volumes of data.volumes that are backed up; absent: all of them.",
    )
    size: Bytes = Field(default="10Gi", description="Room for the dump on the disk of a node.")
