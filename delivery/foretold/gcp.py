"""Outputs of Google Cloud resources that follow from names, project and region."""

from __future__ import annotations

from typing import Final

GCP: Final = {
    "gcp:serviceaccount/account:Account": {
        "email": "{accountId}@{project}.iam.gserviceaccount.com",
        "member": "serviceAccount:{accountId}@{project}.iam.gserviceaccount.com",
        "id": "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
    },
}
