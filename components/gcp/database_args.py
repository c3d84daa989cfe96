"""Args of CloudSqlDataTier, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..base.problems import Problem
from ..mcp.data_tier import ManagedDataTierArgs
from .arg_types import CacheMachine, DatabaseMachine, KmsKey, ServiceAccount
from .facts import CLOUD_SQL_LOG_DAYS
from .location import GcpLocation

ACCOUNT_SUFFIX: Final = ".gserviceaccount.com"


@dataclass(frozen=True, kw_only=True)
class CloudSqlDataTierArgs(ManagedDataTierArgs):
    """Args of the data tier on Google Cloud.

    Attributes:
        location: project, region and network, which has private services access for PostgreSQL,
            and a service connection policy for Memorystore.
        account: e-mail address of the service account that connects, ``…@….gserviceaccount.com``.
            There is no password: the account logs in with a token, at both.
        database_machine: machine type of the database.
        storage_gb: storage at first; it grows automatically.
        high_availability: a standby in another zone takes over when the database's own fails.
        read_replica: a second instance for queries that only read, at the output ``read_host``; the
            output ``ca`` then has the CAs of both.
        backup_days: days that the daily backups are kept.
        point_in_time_days: days within which the database can be restored to any second.
        cache_accounts: further service accounts that may connect to the cache.
        cache_machine: machine type of the cache.
        kms_key: id of your key in Cloud KMS, which encrypts both; None: keys of Google. Another key
            replaces the database and the cache.
        cache_replicas: replicas, of which one takes over when the cache's primary fails.
    """

    location: GcpLocation
    account: ServiceAccount
    database_machine: DatabaseMachine = "db-custom-2-7680"
    storage_gb: int = 10
    high_availability: bool = True
    read_replica: bool = False
    backup_days: int = 14
    point_in_time_days: int = 7
    cache_accounts: Sequence[ServiceAccount] = ()
    cache_machine: CacheMachine = "STANDARD_SMALL"
    cache_replicas: int = 1
    kms_key: KmsKey | None = None

    @property
    def user(self) -> str:
        """The database user, which Cloud SQL names after its service account."""
        return self.account.removesuffix(ACCOUNT_SUFFIX)

    def refusals(self) -> list[Problem]:
        problems = [
            *super().refusals(),
            *self.location.key_problems("kms_key", self.kms_key),
            *CLOUD_SQL_LOG_DAYS.problems(
                "point_in_time_days", self.point_in_time_days, fix="set 1 to 7"
            ),
        ]
        if not self.location.network:
            problems.append(
                Problem(
                    "location.network",
                    "is missing",
                    "the database would have a public address, or none",
                    "set the id of your network, projects/…/global/networks/…",
                )
            )
        return problems
