"""Required settings of storage, databases, caches and logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.azure.facts import (
    AZURE_LOG_DAYS,
    AZURE_POSTGRES_BACKUP_DAYS,
)
from components.azure.tokens import STORAGE, WORKSPACE
from graph.resource_graph import ResourceGraph

from ...finding import Severity
from ...rule import Check, Hit, Required, Rule, at, within
from .types import PARAMETER, POSTGRES, REDIS, REDIS_DATABASE

_POSTGRES: Final = "https://learn.microsoft.com/azure/postgresql/flexible-server/"

TLS_PARAMETER: Final = Rule(
    id="azure-postgres-006",
    severity=Severity.HIGH,
    reference=f"{_POSTGRES}concepts-networking-ssl-tls",
    refuses="a server parameter that lets clients connect without TLS or with TLS before 1.2",
    fix="set require_secure_transport to on, and ssl_min_protocol_version to TLSv1.2",
)
_UNSAFE_PARAMETERS: Final = {
    "require_secure_transport": ("off", "0", "false"),
    "ssl_min_protocol_version": ("tlsv1", "tlsv1.0", "tlsv1.1"),
}


def parameters_require_tls(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds server parameters that let clients connect without TLS 1.2 or newer."""
    for parameter in graph.all(PARAMETER):
        unsafe = _UNSAFE_PARAMETERS.get(str(parameter.inputs.get("configurationName")), ())
        value = parameter.inputs.get("value")
        if str(value).casefold() in unsafe:
            so = "passwords and data may be sent unencrypted"
            yield at(parameter, "value", f"is {value}", so, TLS_PARAMETER.fix, TLS_PARAMETER.id)


PARAMETERS: Final = Check(rules=(TLS_PARAMETER,), types=(PARAMETER,), find=parameters_require_tls)

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        id="azure-storage-001",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent",
        on=STORAGE,
        path="allowSharedKeyAccess",
        allowed=(False,),
        consequence="everyone with the account's key could read and write all of it",
        fix="set it to false",
    ),
    Required(
        id="azure-storage-002",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent",
        on=STORAGE,
        path="allowBlobPublicAccess",
        allowed=(False,),
        consequence="a container could be made public",
        fix="set it to false",
    ),
    Required(
        id="azure-storage-003",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/storage/common/storage-require-secure-transfer",
        safe_default=True,
        on=STORAGE,
        path="enableHttpsTrafficOnly",
        allowed=(True,),
        consequence="tokens and data would be sent unencrypted",
        fix="set it to true",
    ),
    Required(
        id="azure-storage-004",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/storage/common/transport-layer-security-configure-minimum-version",
        on=STORAGE,
        path="minimumTlsVersion",
        allowed=("TLS1_2", "TLS1_3"),
        consequence="clients could use a TLS that is broken",
        fix="set it to TLS1_2",
    ),
    Required(
        id="azure-storage-005",
        severity=Severity.CRITICAL,
        reference="https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-configure",
        safe_default=True,
        on="azure-native:storage:BlobContainer",
        path="publicAccess",
        allowed=("None",),
        consequence="everyone on the internet could read its content",
        fix="set it to None",
    ),
    Required(
        id="azure-postgres-001",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-private",
        on=POSTGRES,
        path="network.publicNetworkAccess",
        allowed=("Disabled",),
        consequence="the database would accept connections from the internet",
        fix="set it to Disabled",
    ),
    Required(
        id="azure-postgres-002",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-azure-ad-authentication",
        house=True,
        on=POSTGRES,
        path="authConfig.passwordAuth",
        allowed=("Disabled",),
        consequence="a password would have to be kept and rotated",
        fix="set it to Disabled, and activeDirectoryAuth to Enabled",
    ),
    Required(
        id="azure-postgres-003",
        severity=Severity.CRITICAL,
        reference="https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-azure-ad-authentication",
        in_clear=True,
        on=POSTGRES,
        path="administratorLoginPassword",
        allowed=(),
        consequence="a password would be stored in the program and in its state",
        fix="remove it: clients log in through Entra ID",
        absent=True,
    ),
    Required(
        id="azure-postgres-004",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-backup-restore",
        safe_default=True,
        on=POSTGRES,
        path="backup.backupRetentionDays",
        allowed=within(AZURE_POSTGRES_BACKUP_DAYS),
        consequence="the cloud refuses it (Azure Database for PostgreSQL, Backup and restore)",
        fix=f"set {AZURE_POSTGRES_BACKUP_DAYS.least} to {AZURE_POSTGRES_BACKUP_DAYS.most}",
    ),
    Required(
        id="azure-postgres-005",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-backup-restore",
        on=POSTGRES,
        path="backup.geoRedundantBackup",
        allowed=("Enabled",),
        consequence="backups are lost together with their region",
        fix="set it to Enabled",
    ),
    Required(
        id="azure-redis-001",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/redis/private-link",
        on=REDIS,
        path="publicNetworkAccess",
        allowed=("Disabled",),
        consequence="the cache would accept connections from the internet",
        fix="set it to Disabled",
    ),
    Required(
        id="azure-redis-002",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/redis/tls-configuration",
        on=REDIS,
        path="minimumTlsVersion",
        allowed=("1.2",),
        consequence="clients could use a TLS that is broken",
        fix="set it to 1.2",
    ),
    Required(
        id="azure-redis-003",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/redis/tls-configuration",
        safe_default=True,
        on=REDIS_DATABASE,
        path="clientProtocol",
        allowed=("Encrypted",),
        consequence="sessions would be sent unencrypted",
        fix="set it to Encrypted",
    ),
    Required(
        id="azure-redis-004",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/redis/entra-for-authentication",
        on=REDIS_DATABASE,
        path="accessKeysAuthentication",
        allowed=("Disabled",),
        consequence="everyone with the cache's key could read and write all of it",
        fix="set it to Disabled",
    ),
    Required(
        id="azure-logs-001",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure",
        house=True,
        on=WORKSPACE,
        path="retentionInDays",
        allowed=within(AZURE_LOG_DAYS),
        consequence="the retention of logs is not stated, or the cloud refuses it",
        fix=f"set {AZURE_LOG_DAYS.least} to {AZURE_LOG_DAYS.most}",
    ),
)
