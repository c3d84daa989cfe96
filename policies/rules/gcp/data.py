"""Required settings of databases, caches, buckets and logs."""

from __future__ import annotations

from typing import Final

from ...rule import Required, present
from .types import BUCKET, FIELD, FIRESTORE, LOGS, SQL, USER, VALKEY

_BACKUPS: Final = "settings.backupConfiguration"
_ADDRESS: Final = "settings.ipConfiguration"

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        on=BUCKET,
        path="uniformBucketLevelAccess",
        allowed=(True,),
        consequence="single objects could be made public by object ACLs",
        fix="set it to true",
    ),
    Required(
        on=BUCKET,
        path="publicAccessPrevention",
        allowed=("enforced",),
        consequence="a policy could make the bucket public",
        fix="set it to enforced",
    ),
    Required(
        on=BUCKET,
        path="versioning.enabled",
        allowed=(True,),
        consequence="overwritten and deleted objects cannot be restored",
        fix="set it to true",
    ),
    Required(
        on=FIRESTORE,
        path="pointInTimeRecoveryEnablement",
        allowed=("POINT_IN_TIME_RECOVERY_ENABLED",),
        consequence="data deleted by mistake can be restored for an hour only",
        fix="set it to POINT_IN_TIME_RECOVERY_ENABLED",
    ),
    Required(
        on=FIELD,
        path="ttlConfig",
        allowed=lambda value: isinstance(value, dict),
        consequence="expired sessions would never be deleted",
        fix="set it to {}",
    ),
    Required(
        on=SQL,
        path=f"{_ADDRESS}.ipv4Enabled",
        allowed=(False,),
        consequence="the database would have a public address",
        fix="set it to false",
    ),
    Required(
        on=SQL,
        path=f"{_ADDRESS}.privateNetwork",
        allowed=present,
        consequence="the database would have no private address",
        fix="set the id of your network",
    ),
    Required(
        on=SQL,
        path=f"{_ADDRESS}.sslMode",
        allowed=("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"),
        consequence="clients could connect in clear text",
        fix="set it to ENCRYPTED_ONLY",
    ),
    Required(
        on=SQL,
        path=f"{_BACKUPS}.enabled",
        allowed=(True,),
        consequence="lost data could not be restored",
        fix="set it to true",
    ),
    Required(
        on=SQL,
        path=f"{_BACKUPS}.pointInTimeRecoveryEnabled",
        allowed=(True,),
        consequence="data written since the last backup is lost",
        fix="set it to true",
    ),
    Required(
        on=SQL,
        path="settings.deletionProtectionEnabled",
        allowed=(True, False),
        consequence="it is not stated whether the database may be deleted",
        fix="set it to true where it holds data",
    ),
    Required(
        on=USER,
        path="password",
        allowed=(),
        consequence="a password would be stored in the program and in its state",
        fix="remove it, and set type to CLOUD_IAM_SERVICE_ACCOUNT",
        absent=True,
    ),
    Required(
        on=USER,
        path="deletionPolicy",
        allowed=("ABANDON",),
        consequence="a user who owns what is in the database cannot be dropped: destroying fails",
        fix="set it to ABANDON: the user is deleted with its instance",
    ),
    Required(
        on=VALKEY,
        path="transitEncryptionMode",
        allowed=("SERVER_AUTHENTICATION",),
        consequence="sessions would be sent unencrypted",
        fix="set it to SERVER_AUTHENTICATION",
    ),
    Required(
        on=VALKEY,
        path="authorizationMode",
        allowed=("IAM_AUTH",),
        consequence="every client on the network could read and write it",
        fix="set it to IAM_AUTH",
    ),
    Required(
        on=LOGS,
        path="retentionDays",
        allowed=lambda days: isinstance(days, int) and 1 <= days <= 3650,
        consequence="logs would be kept for 30 days instead, or the cloud refuses it",
        fix="set 1 to 3650 (Cloud Logging, Quotas and limits)",
    ),
)
