"""The identity of a cloud that pods have, by their service account and without a stored key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import pulumi

from ..base.arg_types import AwsRole, AzureId, GoogleAccount
from ..base.inputs import applied
from ..base.problems import Problem

CloudKey = Literal["aws", "gcp", "azure"]


class IdentitySystem(NamedTuple):
    """How a cloud knows the pods of a service account.

    Attributes:
        annotation: of the service account, with the identity.
        labels: that the pods need.
        variables: that the cloud's webhook adds to the containers, unless they have them already.
        metadata: address and port of each server that gives the pods their tokens, without
            prefix length; empty where tokens come from the API server and a public endpoint.
        host: of the token service, at port 443; None where there is a metadata server.
    """

    annotation: str
    labels: Mapping[str, str] = {}
    variables: tuple[str, ...] = ()
    metadata: tuple[tuple[str, int], ...] = ()
    host: str | None = None


SYSTEMS: Final[Mapping[CloudKey, IdentitySystem]] = {
    "aws": IdentitySystem(
        annotation="eks.amazonaws.com/role-arn",
        variables=("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        host="sts.<region>.amazonaws.com",
    ),
    "gcp": IdentitySystem(
        annotation="iam.gke.io/gcp-service-account",
        # GKE's own server for pods; with Dataplane V2 it answers at the second address.
        metadata=(("169.254.169.252", 988), ("169.254.169.254", 80)),
    ),
    "azure": IdentitySystem(
        annotation="azure.workload.identity/client-id",
        labels={"azure.workload.identity/use": "true"},
        variables=("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"),
        host="login.microsoftonline.com",
    ),
}
"""IAM roles for service accounts (EKS), Workload Identity Federation (GKE), Workload ID (AKS)."""
TENANT: Final = "azure.workload.identity/tenant-id"


@dataclass(frozen=True, kw_only=True)
class AwsIdentity:
    """A role of AWS, by IAM roles for service accounts.

    Attributes:
        role: its ARN; it trusts the pods' service account, by the cluster's OIDC provider.
    """

    role: pulumi.Input[AwsRole]


@dataclass(frozen=True, kw_only=True)
class GoogleIdentity:
    """A service account of Google Cloud, by Workload Identity Federation for GKE.

    Attributes:
        service_account: its e-mail address; the pods' service account has
            ``roles/iam.workloadIdentityUser`` on it.
    """

    service_account: pulumi.Input[GoogleAccount]


@dataclass(frozen=True, kw_only=True)
class AzureIdentity:
    """A managed identity of Azure, by Microsoft Entra Workload ID.

    Attributes:
        client_id: its client id; it has a federated credential for the pods' service account.
        tenant_id: id of its tenant.
    """

    client_id: pulumi.Input[AzureId]
    tenant_id: pulumi.Input[AzureId]


@dataclass(frozen=True, kw_only=True)
class CloudIdentity:
    """Whose rights in a cloud the pods have. Exactly one of the fields is set.

    Attributes:
        aws: a role of AWS.
        gcp: a service account of Google Cloud.
        azure: a managed identity of Azure.
    """

    aws: AwsIdentity | None = None
    gcp: GoogleIdentity | None = None
    azure: AzureIdentity | None = None

    def refusals(self) -> list[Problem]:
        """A problem unless exactly one cloud is named."""
        return one_cloud_problems({cloud: getattr(self, cloud) for cloud in SYSTEMS})

    @property
    def cloud(self) -> CloudKey:
        """The cloud of the identity."""
        return next(cloud for cloud in SYSTEMS if getattr(self, cloud) is not None)

    @property
    def system(self) -> IdentitySystem:
        """How that cloud knows the pods."""
        return SYSTEMS[self.cloud]

    @property
    def account_annotations(self) -> dict[str, pulumi.Input[str]]:
        """Annotations of the service account."""
        named: dict[str, pulumi.Input[str]] = {self.system.annotation: self._name}
        return {**named, TENANT: self.azure.tenant_id} if self.azure else named

    @property
    def pod_labels(self) -> dict[str, str]:
        """Labels of the pods."""
        return dict(self.system.labels)

    @property
    def fingerprint(self) -> pulumi.Input[str]:
        """A text that changes with the identity: a running pod keeps the one it started with."""
        return applied(" ".join, list(self.account_annotations.values()))

    @property
    def _name(self) -> pulumi.Input[str]:
        if self.aws:
            return self.aws.role
        if self.gcp:
            return self.gcp.service_account
        assert self.azure is not None  # one_cloud_problems
        return self.azure.client_id


def one_cloud_problems(given: Mapping[str, Any]) -> list[Problem]:
    """A problem unless exactly one of the clouds is given."""
    first, *others = [name for name, value in given.items() if value is not None] or [""]
    if first and not others:
        return []
    return [
        Problem(
            others[0] if others else next(iter(given)),
            f"is set, and {first} as well" if first else "is missing, and every other cloud too",
            "the pods have the identity of one cloud: it is not known which",
            f"set one of {', '.join(given)}",
        )
    ]
