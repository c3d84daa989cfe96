"""Subsection `kubernetes.identities`: whose rights in a cloud the pods of a workload have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.base import identity_forms

from .forms import constraint
from .section import Section

_AzureId = Annotated[str, constraint(identity_forms.AZURE_ID)]


class AwsIdentity(Section):
    """A role of AWS, by IAM roles for service accounts."""

    role: Annotated[str, constraint(identity_forms.AWS_ROLE)] = Field(
        description="ARN of the role; it trusts the service account <workload>-sa of the namespace."
    )


class GoogleIdentity(Section):
    """A service account of Google Cloud, by Workload Identity Federation for GKE."""

    service_account: Annotated[str, constraint(identity_forms.GOOGLE_ACCOUNT)] = Field(
        description="Its e-mail address; <workload>-sa has roles/iam.workloadIdentityUser on it."
    )


class AzureIdentity(Section):
    """A managed identity of Azure, by Microsoft Entra Workload ID."""

    client_id: _AzureId = Field(
        description="Its client id; it has a federated credential for <workload>-sa."
    )
    tenant_id: _AzureId = Field(description="Id of its tenant.")


class Identity(Section):
    """The identity of one cloud."""

    aws: AwsIdentity | None = Field(default=None, description="A role of AWS, in EKS.")
    gcp: GoogleIdentity | None = Field(default=None, description="A service account, in GKE.")
    azure: AzureIdentity | None = Field(default=None, description="A managed identity, in AKS.")
