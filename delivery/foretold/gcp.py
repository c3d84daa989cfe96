"""Outputs of Google Cloud resources that follow from names, project and region."""

from __future__ import annotations

from typing import Final

GCP: Final = {
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
    },
    "gcp:sql/databaseInstance:DatabaseInstance": {
        "id": "{name}",
        "privateIpAddress": "address-of.{name}",
    },
    "gcp:serviceaccount/account:Account": {
        "email": "{accountId}@{project}.iam.gserviceaccount.com",
        "member": "serviceAccount:{accountId}@{project}.iam.gserviceaccount.com",
        "id": "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
    },
}
