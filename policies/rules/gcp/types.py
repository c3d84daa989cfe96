"""Type tokens of Google Cloud."""

from __future__ import annotations

from typing import Any, Final

ACCOUNT: Final = "gcp:serviceaccount/account:Account"
ALERT: Final = "gcp:monitoring/alertPolicy:AlertPolicy"
BUCKET: Final = "gcp:storage/bucket:Bucket"
CALLERS: Final = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
FIRESTORE: Final = "gcp:firestore/database:Database"
FUNCTION: Final = "gcp:cloudfunctionsv2/function:Function"
LOGS: Final = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
PROJECT_ROLE: Final = "gcp:projects/iAMMember:IAMMember"
SERVICE: Final = "gcp:cloudrunv2/service:Service"
SQL: Final = "gcp:sql/databaseInstance:DatabaseInstance"
VALKEY: Final = "gcp:memorystore/instance:Instance"
PROJECT_ROLES: Final = "gcp:projects/iAMBinding:IAMBinding"
CHANNEL: Final = "gcp:monitoring/notificationChannel:NotificationChannel"
FIELD: Final = "gcp:firestore/field:Field"
USER: Final = "gcp:sql/user:User"


def is_number(version: Any) -> bool:
    """Whether a secret's version is a number, and not ``latest``."""
    return isinstance(version, str) and version.isdecimal()
