"""What the buckets for backups have in common on every cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import pulumi

from ..base.component import Component
from ..base.constraints import Range
from ..base.problems import Problem

RETENTION_DAYS: Final = 30
LOCK_DAYS: Final = 7

RetentionDays = Annotated[
    int, Range(least=1, most=3650, consequence="no backup would be left to restore, or all of them")
]
LockDays = Annotated[
    int, Range(least=1, most=3650, consequence="a deleted backup would be lost at once")
]


@dataclass(frozen=True, kw_only=True)
class BackupBucketArgs:
    """What every bucket for backups is given.

    Attributes:
        data_region: the region of the data; the bucket must be in another one.
        retention_days: days after which a backup is deleted.
        lock_days: days for which a backup that is deleted or overwritten can be restored.
        protect: refuse to delete the bucket.
    """

    data_region: str
    retention_days: RetentionDays = RETENTION_DAYS
    lock_days: LockDays = LOCK_DAYS
    protect: bool = False

    @property
    def region(self) -> str:
        """The region of the bucket."""
        raise NotImplementedError

    def refusals(self) -> list[Problem]:
        """Problems: the region of the data, and a lock that outlasts the retention."""
        problems: list[Problem] = []
        if self.region == self.data_region:
            problems.append(
                Problem(
                    "location.region",
                    f"is {self.region}, where the data is",
                    "the data and its backups would be lost together with the region",
                    "name another region of the cloud",
                )
            )
        if self.lock_days > self.retention_days:
            problems.append(
                Problem(
                    "lock_days",
                    f"is {self.lock_days}, and retention_days is {self.retention_days}",
                    "the lifecycle rule could not delete a backup when it is due",
                    f"set lock_days to at most {self.retention_days}",
                )
            )
        return problems


Args = TypeVar("Args", bound=BackupBucketArgs)


class BackupBucket(Component[Args]):
    """A private, versioned and encrypted bucket that one identity writes backups to.

    Attributes:
        backup_location: URL of the bucket, which the backup and Barman write to.
        endpoint: URL of the service that serves it.
    """

    backup_location: pulumi.Output[str]
    endpoint: pulumi.Output[str]
