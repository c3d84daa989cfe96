"""A bucket of Cloud Storage for backups, whose deleted objects can be restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.problems import Problem
from ..mcp.backup_bucket import BackupBucket, BackupBucketArgs
from .arg_types import KmsKey, Region, ServiceAccount
from .facts import CLOUD_STORAGE_SOFT_DELETE
from .location import GcpLocation
from .naming import physical_name

BUCKET: Final = "gcp:storage/bucket:Bucket"
_MEMBER: Final = "gcp:storage/bucketIAMMember:BucketIAMMember"
_DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class GcpBackupBucketArgs(BackupBucketArgs):
    """Args of a bucket for backups on Google Cloud.

    Attributes:
        location: project of the bucket, and its region.
        data_region: the region of the data; the bucket must be in another one.
        writer: e-mail address of the service account that may read and write the objects.
        further_writers: addresses of other service accounts with the same rights.
        readers: addresses of service accounts that may read the objects.
        overwrites: the writers overwrite objects, as Barman does with the state of a backup. They
            may then delete objects too; they can be restored for ``lock_days``.
        kms_key: id of your key in the bucket's region; None: a key of Google.
    """

    location: GcpLocation
    data_region: Region
    writer: ServiceAccount
    further_writers: Sequence[ServiceAccount] = ()
    readers: Sequence[ServiceAccount] = ()
    overwrites: bool = False
    kms_key: KmsKey | None = None

    @property
    def region(self) -> str:
        return self.location.region

    def refusals(self) -> list[Problem]:
        """The problems of every bucket for backups, and what Cloud Storage refuses."""
        return [
            *super().refusals(),
            *self.location.key_problems("kms_key", self.kms_key),
            *CLOUD_STORAGE_SOFT_DELETE.problems("lock_days", self.lock_days, fix="set 7 to 90"),
        ]


class GcpBackupBucket(BackupBucket[GcpBackupBucketArgs]):
    """A bucket of Cloud Storage for backups: versioned, encrypted, with soft delete.

    A deleted object stays for ``lock_days`` and can be restored, whoever deleted it. A retention
    policy would refuse the deletion itself, and is not set: with it, no object can be overwritten,
    which Barman does.
    """

    args_type = GcpBackupBucketArgs

    def build(self, args: GcpBackupBucketArgs) -> None:
        bucket = CloudResource(
            BUCKET,
            self.named("backups"),
            {
                "project": args.location.project,
                "name": physical_name(BUCKET, self, args.location, "backups"),
                "location": args.location.region,
                "uniformBucketLevelAccess": True,
                "publicAccessPrevention": "enforced",
                "encryption": {"defaultKmsKeyName": args.kms_key} if args.kms_key else None,
                "forceDestroy": False,
                "versioning": {"enabled": True},
                "softDeletePolicy": {"retentionDurationSeconds": args.lock_days * _DAY},
                "lifecycleRules": [
                    {
                        "action": {"type": "Delete"},
                        "condition": {"age": args.retention_days, "withState": "LIVE"},
                    },
                    {
                        "action": {"type": "Delete"},
                        "condition": {
                            "daysSinceNoncurrentTime": args.lock_days,
                            "withState": "ARCHIVED",
                        },
                    },
                ],
            },
            opts=self.owned(protect=args.protect),
        )
        name = bucket.output("name")
        write = "objectUser" if args.overwrites else "objectCreator"
        further = [*dict.fromkeys(one for one in args.further_writers if one != args.writer)]
        writers = {"writer": args.writer, **_numbered("writer", further)}
        readers = [*dict.fromkeys(r for r in args.readers if r not in writers.values())]
        grants = [
            *((f"{key}-reads", "objectViewer", each) for key, each in writers.items()),
            *((f"{key}-writes", write, each) for key, each in writers.items()),
            *(
                (key, "objectViewer", each)
                for key, each in _numbered("reader", readers, first=1).items()
            ),
        ]
        for purpose, role, account in grants:
            CloudResource(
                _MEMBER,
                self.named(purpose),
                {
                    "bucket": name,
                    "role": f"roles/storage.{role}",
                    "member": f"serviceAccount:{account}",
                },
                opts=self.owned(),
            )
        self.backup_location = pulumi.Output.concat("gs://", name)
        self.endpoint = pulumi.Output.from_input("https://storage.googleapis.com")


def _numbered(role: str, accounts: Sequence[str], first: int = 2) -> dict[str, str]:
    return {f"{role}-{number}": each for number, each in enumerate(accounts, first)}
