"""Facts about Google Cloud: limits, names, resource types, outputs, credentials, packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import Billed, Credentials, ResourceType, resource_type
from ..base.limits import Limit
from ..base.naming import NameRule
from .billed_types import BILLED_TYPES as _BILLED_TYPES
from .common_types import COMMON_TYPES

GCP_FUNCTION_TIMEOUT: Final = Limit(
    of="the time of an HTTP function",
    most=3600,
    unit="s",
    source="Cloud Run functions, Quotas, Time limits",
    least=1,
)
CLOUD_RUN_TIMEOUT: Final = Limit(
    of="the time of a request",
    most=3600,
    unit="s",
    source="Cloud Run, Quotas and limits",
    least=1,
)
CLOUD_RUN_CONCURRENCY: Final = Limit(
    of="the requests at once to an instance",
    most=1000,
    unit="requests",
    source="Cloud Run, Maximum concurrent requests per instance",
    least=1,
)
CLOUD_SQL_LOG_DAYS: Final = Limit(
    of="the days of transaction logs in the edition Enterprise",
    most=7,
    unit="days",
    source="Cloud SQL for PostgreSQL, About point-in-time recovery",
    least=1,
)
CLOUD_STORAGE_SOFT_DELETE: Final = Limit(
    of="the days of soft delete",
    most=90,
    unit="days",
    source="Cloud Storage, Soft delete",
    least=7,
)

GCP_VERSION: Final = r"projects/[a-z0-9-]+/secrets/[A-Za-z0-9_-]{1,255}/versions/[1-9][0-9]*"
"""One version, by its number."""

_DASHED: Final = r"[a-z]([a-z0-9-]*[a-z0-9])?"
_IN_PLAIN: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])"

NAME_RULES: Final[Mapping[str, NameRule]] = {
    "gcp:cloudrunv2/service:Service": NameRule(
        longest=49, form=_DASHED, source="Cloud Run Admin API v2, Service"
    ),
    "gcp:cloudfunctionsv2/function:Function": NameRule(
        # 63 for a function, but the Cloud Run service that it is has its name
        longest=49,
        form=_DASHED,
        source="Cloud Run Admin API v2, Service",
    ),
    "gcp:serviceaccount/account:Account": NameRule(
        shortest=6, longest=30, form=_DASHED, source="IAM API, serviceAccounts", key="accountId"
    ),
    "gcp:storage/bucket:Bucket": NameRule(
        shortest=3, longest=63, form=_IN_PLAIN, source="Cloud Storage, Bucket naming guidelines"
    ),
    "gcp:artifactregistry/repository:Repository": NameRule(
        longest=63, form=_DASHED, source="Artifact Registry API, Repository", key="repositoryId"
    ),
    "gcp:memorystore/instance:Instance": NameRule(
        longest=63, form=_DASHED, source="Memorystore for Valkey API, Instance", key="instanceId"
    ),
    "gcp:sql/databaseInstance:DatabaseInstance": NameRule(
        # 98 with the project's id
        longest=67,
        form=_DASHED,
        source="Cloud SQL for PostgreSQL, Instance settings, Instance ID",
    ),
    "gcp:firestore/database:Database": NameRule(
        shortest=4, longest=63, form=_DASHED, source="Firestore, Manage databases, Database ID"
    ),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": NameRule(
        longest=100,
        form=r"[A-Za-z0-9][A-Za-z0-9._-]*",
        source="Logging API, LogBucket",
        key="bucketId",
    ),
    "gcp:logging/projectSink:ProjectSink": NameRule(
        longest=100, form=r"[A-Za-z0-9][A-Za-z0-9._-]*", source="Logging API, LogSink"
    ),
}
"""By type token; each with the property that holds the name."""

_PLACED: Final = ("location", "project")

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = {
    **COMMON_TYPES,
    "gcp:artifactregistry/repository:Repository": resource_type(
        *_PLACED,
        "format",
        "kmsKeyName",
        "mode",
        "remoteRepositoryConfig",
        holds="the images in it",
        harmless="who reads it is checked for each grant",
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": resource_type(
        "",
        harmless="every grant's member is checked",
    ),
    "gcp:billing/budget:Budget": resource_type(
        "billingAccount",
        harmless="it reads costs, and notifies channels",
    ),
    "gcp:cloudfunctionsv2/function:Function": resource_type(*_PLACED),
    "gcp:cloudrunv2/service:Service": resource_type(*_PLACED),
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": resource_type(""),
    "gcp:firestore/database:Database": resource_type(
        *("cmekConfig", "databaseEdition", "locationId", "project"), holds="the documents in it"
    ),
    "gcp:firestore/field:Field": resource_type("collection", "database", "field", "project"),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": resource_type(
        *_PLACED, holds="the log entries in it"
    ),
    "gcp:logging/projectSink:ProjectSink": resource_type(
        "project",
        harmless="it names the bucket of the logs",
    ),
    "gcp:memorystore/instance:Instance": resource_type(
        *_PLACED,
        "authorizationMode",
        "desiredAutoCreatedEndpoints",
        "gcsSource",
        "managedBackupSource",
        "kmsKey",
        "mode",
        "transitEncryptionMode",
        "zoneDistributionConfig",
        holds="the keys in it",
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": resource_type(
        "project", alarm=("notificationChannels", "enabled")
    ),
    "gcp:monitoring/dashboard:Dashboard": resource_type(
        "project",
        harmless="it draws metrics",
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": resource_type("project"),
    "gcp:projects/iAMMember:IAMMember": resource_type(""),
    "gcp:secretmanager/secretIamMember:SecretIamMember": resource_type(""),
    "gcp:serviceaccount/account:Account": resource_type(
        "project",
        harmless="its rights are those that are granted",
    ),
    "gcp:sql/database:Database": resource_type(
        "instance", "name", "project", holds="the tables in it"
    ),
    "gcp:sql/databaseInstance:DatabaseInstance": resource_type(
        "encryptionKeyName", "project", "region", holds="the databases in it"
    ),
    "gcp:sql/user:User": resource_type("host", "instance", "name", "project", "type"),
    "gcp:storage/bucket:Bucket": resource_type(
        *_PLACED,
        *("customPlacementConfig", "enableObjectRetention", "hierarchicalNamespace"),
        holds="the objects in it",
    ),
    "gcp:storage/bucketIAMMember:BucketIAMMember": resource_type(""),
    # A changed `content` is an update in place. The row has no `holds`: the program itself has the
    # content, and archives of functions are replaced with each change.
    "gcp:storage/bucketObject:BucketObject": resource_type(
        *("bucket", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage"),
        *("contentType", "customerEncryption", "kmsKeyName", "metadata", "name", "source"),
        "storageClass",
        harmless="its bucket says who reads it",
    ),
}
"""A row for each type that a component registers, and for common ones of users' programs."""

BILLED_TYPES: Final[Mapping[str, Billed]] = _BILLED_TYPES
"""By type token: how Google Cloud bills for a resource."""

PREDICTED_OUTPUTS: Final[Mapping[str, Mapping[str, str]]] = {
    "gcp:artifactregistry/repository:Repository": {
        "id": "projects/{project}/locations/{location}/repositories/{repositoryId}",
    },
    "gcp:cloudfunctionsv2/function:Function": {
        "id": "projects/{project}/locations/{location}/functions/{name}",
        # its other form has a number that only the cloud knows
        "serviceConfig.uri": "https://{name}-number-of-{project}.{location}.run.app",
    },
    "gcp:cloudrunv2/service:Service": {
        "id": "projects/{project}/locations/{location}/services/{name}",
        "uri": "https://{name}-number-of-{project}.{location}.run.app",
    },
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": {
        "id": "projects/{project}/locations/{location}/buckets/{bucketId}",
    },
    "gcp:memorystore/instance:Instance": {
        "id": "projects/{project}/locations/{location}/instances/{instanceId}",
        # addresses that only the cloud knows
        "endpoints.0.connections.0.pscAutoConnection.ipAddress": "address-of.{instanceId}",
        "managedServerCas.0.caCerts.0.certificates.0": "authority-of.{instanceId}",
    },
    "gcp:monitoring/notificationChannel:NotificationChannel": {
        "name": "projects/{project}/notificationChannels/{logical}",
    },
    "gcp:sql/databaseInstance:DatabaseInstance": {
        "id": "{name}",
        "privateIpAddress": "address-of.{name}",
        "serverCaCerts.0.cert": "authority-of.{name}",
    },
    "gcp:serviceaccount/account:Account": {
        "email": "{accountId}@{project}.iam.gserviceaccount.com",
        "member": "serviceAccount:{accountId}@{project}.iam.gserviceaccount.com",
        "id": "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
    },
}

PROVIDER_VALUES: Final = {"region": "region", "project": "project"}
"""Names in ``PREDICTED_OUTPUTS`` that refer to the provider, each with its property."""

OUTPUTS_UNLIKE_INPUTS: Final[tuple[str, ...]] = ()
"""Properties whose outputs differ in structure from the inputs of the same name."""

CREDENTIALS: Final = Credentials(
    variables=(
        *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS"),
        *("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_CONFIG"),
    ),
    files=(".config/gcloud/application_default_credentials.json",),
    vendor="Google",
    fix="gcloud auth application-default login",
)
"""Where the provider finds credentials."""

SECRET_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {}

VALUES_UNLIKE_THE_SDK: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {}
