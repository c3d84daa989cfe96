"""A bucket of Amazon S3 for backups, with object lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.problems import Problem
from ..mcp.backup_bucket import BackupBucket, BackupBucketArgs
from .arg_types import KmsKey, Region, RoleArn
from .bucket import Contents, private_bucket
from .location import AwsLocation

READS: Final = ("s3:GetObject",)
READS_AND_WRITES: Final = (*READS, "s3:PutObject")
LISTS: Final = ("s3:GetBucketLocation", "s3:ListBucket")
_OBJECTS: Final = (
    *("s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:RestoreObject"),
    "s3:BypassGovernanceRetention",
)


@dataclass(frozen=True, kw_only=True)
class AwsBackupBucketArgs(BackupBucketArgs):
    """Args of a bucket for backups on AWS.

    Attributes:
        location: account of the bucket, and its region.
        data_region: the region of the data; the bucket must be in another one.
        writer: ARN of the role that may read and write the objects. It may delete none: the
            lifecycle rule does.
        further_writers: ARNs of other roles with the same rights.
        readers: ARNs of roles that may read the objects. All other roles are refused.
        kms_key: ARN of your key in the bucket's region; None: a key of S3.
    """

    location: AwsLocation
    data_region: Region
    writer: RoleArn
    further_writers: Sequence[RoleArn] = ()
    readers: Sequence[RoleArn] = ()
    kms_key: KmsKey | None = None

    @property
    def region(self) -> str:
        return self.location.region

    def refusals(self) -> list[Problem]:
        """The problems of every bucket for backups, and a key of another region."""
        return [
            *super().refusals(),
            *self.location.elsewhere_problems({"kms_key": self.kms_key}),
        ]


class AwsBackupBucket(BackupBucket[AwsBackupBucketArgs]):
    """A bucket of Amazon S3 for backups: versioned, encrypted, with object lock.

    Object lock is in governance mode: no version can be deleted before its time, except by a
    principal of the account that may bypass it, which the bucket's policy refuses to everyone.
    """

    args_type = AwsBackupBucketArgs

    def build(self, args: AwsBackupBucketArgs) -> None:
        def only_the_writer(arn: pulumi.Output[str]) -> Sequence[Mapping[str, Any]]:
            objects = pulumi.Output.concat(arn, "/*")
            writers = [*dict.fromkeys([args.writer, *args.further_writers])]
            readers = [role for role in dict.fromkeys(args.readers) if role not in writers]
            every = [*writers, *readers]
            return [
                _statement("WriterObjects", "Allow", _roles(writers), READS_AND_WRITES, objects),
                *(
                    [_statement("ReaderObjects", "Allow", _roles(readers), READS, objects)]
                    if readers
                    else []
                ),
                _statement("WriterLists", "Allow", _roles(every), LISTS, arn),
                {
                    **_statement("NobodyElse", "Deny", "*", _OBJECTS, objects),
                    "Condition": {"ArnNotEquals": {"aws:PrincipalArn": _one_or_all(every)}},
                },
                _statement(
                    "NobodyDeletes",
                    "Deny",
                    "*",
                    ("s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"),
                    objects,
                ),
            ]

        contents = Contents(
            expiration={
                "id": "backups",
                "expiration": {"days": args.retention_days},
                "noncurrentVersionExpiration": {"noncurrentDays": args.lock_days},
            },
            disposable=False,
            key=args.kms_key,
            protect=args.protect,
            writers=only_the_writer,
            region=args.location.region,
            locked_days=args.lock_days,
        )
        made = private_bucket(self, args.location, "backups", contents)
        self.backup_location = pulumi.Output.concat("s3://", made.resource.output("id"))
        self.endpoint = pulumi.Output.from_input(f"https://s3.{args.location.region}.amazonaws.com")


def _roles(arns: Sequence[str]) -> dict[str, Any]:
    return {"AWS": _one_or_all(arns)}


def _one_or_all(arns: Sequence[str]) -> Any:
    return arns[0] if len(arns) == 1 else [*arns]


def _statement(
    sid: str, effect: str, principal: Any, actions: Sequence[str], resource: pulumi.Output[str]
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": list(actions),
        "Resource": resource,
    }
