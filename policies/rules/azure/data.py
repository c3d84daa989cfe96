"""Required settings of storage, databases, caches and logs."""

from __future__ import annotations

from typing import Final

from components.azure.facts import (
    AZURE_LOG_DAYS,
    AZURE_POSTGRES_BACKUP_DAYS,
)
from components.azure.logs import WORKSPACE
from components.azure.session_store import STORAGE

from ...rule import Required, within
from .types import POSTGRES, REDIS, REDIS_DATABASE

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        on=STORAGE,
        path="allowSharedKeyAccess",
        allowed=(False,),
        consequence="everyone with the account's key could read and write all of it",
        fix="set it to false",
    ),
    Required(
        on=STORAGE,
        path="allowBlobPublicAccess",
        allowed=(False,),
        consequence="a container could be made public",
        fix="set it to false",
    ),
    Required(
        on=STORAGE,
        path="enableHttpsTrafficOnly",
        allowed=(True,),
        consequence="tokens and data would be sent unencrypted",
        fix="set it to true",
    ),
    Required(
        on=STORAGE,
        path="minimumTlsVersion",
        allowed=("TLS1_2", "TLS1_3"),
        consequence="clients could use a TLS that is broken",
        fix="set it to TLS1_2",
    ),
    Required(
        on="azure-native:storage:BlobContainer",
        path="publicAccess",
        allowed=("None",),
        consequence="everyone on the internet could read its content",
        fix="set it to None",
    ),
    Required(
        on=POSTGRES,
        path="network.publicNetworkAccess",
        allowed=("Disabled",),
        consequence="the database would accept connections from the internet",
        fix="set it to Disabled",
    ),
    Required(
        on=POSTGRES,
        path="authConfig.passwordAuth",
        allowed=("Disabled",),
        consequence="a password would have to be kept and rotated",
        fix="set it to Disabled, and activeDirectoryAuth to Enabled",
    ),
    Required(
        on=POSTGRES,
        path="administratorLoginPassword",
        allowed=(),
        consequence="a password would be stored in the program and in its state",
        fix="remove it: clients log in through Entra ID",
        absent=True,
    ),
    Required(
        on=POSTGRES,
        path="backup.backupRetentionDays",
        allowed=within(AZURE_POSTGRES_BACKUP_DAYS),
        consequence="the cloud refuses it (Azure Database for PostgreSQL, Backup and restore)",
        fix=f"set {AZURE_POSTGRES_BACKUP_DAYS.least} to {AZURE_POSTGRES_BACKUP_DAYS.most}",
    ),
    Required(
        on=POSTGRES,
        path="backup.geoRedundantBackup",
        allowed=("Enabled",),
        consequence="backups are lost together with their region",
        fix="set it to Enabled",
    ),
    Required(
        on=REDIS,
        path="publicNetworkAccess",
        allowed=("Disabled",),
        consequence="the cache would accept connections from the internet",
        fix="set it to Disabled",
    ),
    Required(
        on=REDIS,
        path="minimumTlsVersion",
        allowed=("1.2",),
        consequence="clients could use a TLS that is broken",
        fix="set it to 1.2",
    ),
    Required(
        on=REDIS_DATABASE,
        path="clientProtocol",
        allowed=("Encrypted",),
        consequence="sessions would be sent unencrypted",
        fix="set it to Encrypted",
    ),
    Required(
        on=REDIS_DATABASE,
        path="accessKeysAuthentication",
        allowed=("Disabled",),
        consequence="everyone with the cache's key could read and write all of it",
        fix="set it to Disabled",
    ),
    Required(
        on=WORKSPACE,
        path="retentionInDays",
        allowed=within(AZURE_LOG_DAYS),
        consequence="the retention of logs is not stated, or the cloud refuses it",
        fix=f"set {AZURE_LOG_DAYS.least} to {AZURE_LOG_DAYS.most}",
    ),
)
