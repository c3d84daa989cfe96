"""What of Google Cloud holds data must be: private, encrypted, backed up, closed without a name."""

from __future__ import annotations

from typing import Any, Final

from ..rule import Required

BUCKET: Final = "gcp:storage/bucket:Bucket"
FIRESTORE: Final = "gcp:firestore/database:Database"
SQL: Final = "gcp:sql/databaseInstance:DatabaseInstance"
VALKEY: Final = "gcp:memorystore/instance:Instance"

_BACKUPS: Final = "settings.backupConfiguration"
_ADDRESS: Final = "settings.ipConfiguration"


def _said(value: Any) -> bool:
    return bool(value)


DATA: Final[tuple[Required, ...]] = (
    Required(
        on=BUCKET,
        path="uniformBucketLevelAccess",
        allowed=(True,),
        consequence="single objects could be opened to anybody by lists of their own",
        fix="set it to true",
    ),
    Required(
        on=BUCKET,
        path="publicAccessPrevention",
        allowed=("enforced",),
        consequence="a policy could make the source public",
        fix="set it to enforced",
    ),
    Required(
        on=BUCKET,
        path="versioning.enabled",
        allowed=(True,),
        consequence="what is overwritten or deleted is gone",
        fix="set it to true",
    ),
    Required(
        on=FIRESTORE,
        path="pointInTimeRecoveryEnablement",
        allowed=("POINT_IN_TIME_RECOVERY_ENABLED",),
        consequence="what is lost by mistake is lost after an hour",
        fix="set it to POINT_IN_TIME_RECOVERY_ENABLED",
    ),
    Required(
        on="gcp:firestore/field:Field",
        path="ttlConfig",
        allowed=lambda value: isinstance(value, dict),
        consequence="sessions that have expired would be kept for ever",
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
        allowed=_said,
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
        consequence="what is lost is lost",
        fix="set it to true",
    ),
    Required(
        on=SQL,
        path=f"{_BACKUPS}.pointInTimeRecoveryEnabled",
        allowed=(True,),
        consequence="what is lost since the night's backup is lost",
        fix="set it to true",
    ),
    Required(
        on=SQL,
        path="settings.deletionProtectionEnabled",
        allowed=(True, False),
        consequence="nobody has decided whether the database may be deleted",
        fix="set it to true where it holds data",
    ),
    Required(
        on="gcp:sql/user:User",
        path="password",
        allowed=(),
        consequence="a password would stand in the program and in its state",
        fix="take it away, and set type to CLOUD_IAM_SERVICE_ACCOUNT",
        absent=True,
    ),
    Required(
        on="gcp:sql/user:User",
        path="deletionPolicy",
        allowed=("ABANDON",),
        consequence="a user who owns what is in the database cannot be dropped: destroying fails",
        fix="set it to ABANDON: the user goes with its instance",
    ),
    Required(
        on=VALKEY,
        path="transitEncryptionMode",
        allowed=("SERVER_AUTHENTICATION",),
        consequence="sessions would cross the network in clear text",
        fix="set it to SERVER_AUTHENTICATION",
    ),
    Required(
        on=VALKEY,
        path="authorizationMode",
        allowed=("IAM_AUTH",),
        consequence="everything on the network could read and write it",
        fix="set it to IAM_AUTH",
    ),
)
