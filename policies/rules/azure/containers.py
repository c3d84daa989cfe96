"""Required settings of container apps and container groups."""

from __future__ import annotations

from typing import Final

from components.azure.facts import (
    AZURE_CONTAINER_APP_GRACE,
)
from components.base.image_reference import has_version

from ...finding import Severity
from ...rule import Required, present, within
from .types import CONTAINER_APP, ENVIRONMENT, GROUP

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        id="azure-app-001",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/container-apps/ingress-overview",
        safe_default=True,
        on=CONTAINER_APP,
        path="configuration.ingress.allowInsecure",
        allowed=(False,),
        consequence="bearer tokens would be sent over the internet unencrypted",
        fix="set it to false",
    ),
    Required(
        id="azure-app-002",
        severity=Severity.CRITICAL,
        reference="https://learn.microsoft.com/azure/container-apps/manage-secrets",
        in_clear=True,
        on=CONTAINER_APP,
        path="configuration.secrets[*].value",
        allowed=(),
        consequence="the secret would be stored in the program and in its state",
        fix="set keyVaultUrl and identity instead",
        absent=True,
    ),
    Required(
        id="azure-app-003",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/container-apps/managed-identity-image-pull",
        house=True,
        on=CONTAINER_APP,
        path="configuration.registries[*].passwordSecretRef",
        allowed=(),
        consequence="the registry's password would have to be kept and rotated",
        fix="set identity instead",
        absent=True,
    ),
    Required(
        id="azure-app-004",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/container-apps/health-probes",
        house=True,
        on=CONTAINER_APP,
        path="template.containers[*].probes",
        allowed=present,
        consequence="requests would be sent to a replica that cannot answer",
        fix="add probes on /health and /ready",
    ),
    Required(
        id="azure-app-005",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/container-apps/containers",
        on=CONTAINER_APP,
        path="template.containers[*].image",
        allowed=has_version,
        consequence="replicas started at different times would run different programs",
        fix="name a version, or a digest",
    ),
    Required(
        id="azure-app-006",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/container-apps/application-lifecycle-management",
        house=True,
        on=CONTAINER_APP,
        path="template.terminationGracePeriodSeconds",
        allowed=within(AZURE_CONTAINER_APP_GRACE),
        consequence="calls in progress would be interrupted after 30 s, or the cloud refuses it",
        fix=f"set the grace period of the timeout budget, at most {AZURE_CONTAINER_APP_GRACE.most}",
    ),
    Required(
        id="azure-app-007",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/container-apps/log-options",
        on=ENVIRONMENT,
        path="appLogsConfiguration.destination",
        allowed=("azure-monitor", "log-analytics"),
        consequence="logs would not be stored",
        fix="set it to azure-monitor",
    ),
    Required(
        id="azure-aci-001",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/container-instances/container-instances-vnet",
        safe_default=True,
        on=GROUP,
        path="ipAddress.type",
        allowed=("Private",),
        consequence="a group has no TLS: bearer tokens would be sent over the internet unencrypted",
        fix="set it to Private, with a gateway before it",
    ),
    Required(
        id="azure-aci-002",
        severity=Severity.CRITICAL,
        reference="https://learn.microsoft.com/azure/container-instances/container-instances-environment-variables",
        in_clear=True,
        on=GROUP,
        path="containers[*].environmentVariables[*].secureValue",
        allowed=(),
        consequence="the secret would be stored in the program and in its state",
        fix="run it as a container app, whose secrets are references to Key Vault",
        absent=True,
    ),
    Required(
        id="azure-aci-003",
        severity=Severity.CRITICAL,
        reference="https://learn.microsoft.com/azure/container-instances/using-azure-container-registry-mi",
        in_clear=True,
        on=GROUP,
        path="imageRegistryCredentials[*].password",
        allowed=(),
        consequence="the registry's password would be stored in the program and in its state",
        fix="set identity instead",
        absent=True,
    ),
)
