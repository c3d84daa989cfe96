"""Required settings of function apps and their telemetry."""

from __future__ import annotations

import re
from typing import Any, Final

from components.azure.facts import (
    AZURE_FUNCTION_INSTANCES,
)

from ...finding import Severity
from ...rule import Required, within
from .types import APP, DEPLOYMENT, INSIGHTS

_KEY: Final = re.compile(r"(AccountKey|SharedAccessKey|Password|Pwd)=", re.IGNORECASE)


def _without_key(value: Any) -> bool:
    return not _KEY.search(str(value))


REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        id="azure-web-001",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/app-service/configure-ssl-bindings#enforce-https",
        on=APP,
        path="httpsOnly",
        allowed=(True,),
        consequence="bearer tokens would be sent over the internet unencrypted",
        fix="set it to true",
    ),
    Required(
        id="azure-web-002",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/app-service/configure-ssl-bindings#enforce-tls-versions",
        safe_default=True,
        on=APP,
        path="siteConfig.minTlsVersion",
        allowed=("1.2", "1.3"),
        consequence="clients could use a TLS that is broken",
        fix="set it to 1.2",
    ),
    Required(
        id="azure-web-003",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/app-service/deploy-ftp#enforce-ftps",
        on=APP,
        path="siteConfig.ftpsState",
        allowed=("Disabled",),
        consequence="its files could be replaced by FTP",
        fix="set it to Disabled",
    ),
    Required(
        id="azure-web-004",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/app-service/app-service-ip-restrictions",
        house=True,
        on=APP,
        path="siteConfig.ipSecurityRestrictionsDefaultAction",
        allowed=("Allow", "Deny"),
        consequence="it is not stated which networks may connect",
        fix="set it to Deny, and name networks; or to Allow",
    ),
    Required(
        id="azure-web-005",
        severity=Severity.CRITICAL,
        reference="https://learn.microsoft.com/azure/app-service/app-service-key-vault-references",
        in_clear=True,
        absent=True,
        on=APP,
        path="siteConfig.appSettings[*].value",
        allowed=_without_key,
        consequence="a key or a password would be stored in the program and in its state",
        fix="use the app's identity, or a reference to Key Vault",
    ),
    Required(
        id="azure-web-006",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan",
        house=True,
        on=APP,
        path=f"{DEPLOYMENT}.type",
        allowed=("UserAssignedIdentity", "SystemAssignedIdentity"),
        consequence="it would need the account's key, but the account has key access disabled",
        fix="set it to UserAssignedIdentity",
    ),
    Required(
        id="azure-web-007",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan",
        safe_default=True,
        on=APP,
        path="functionAppConfig.scaleAndConcurrency.maximumInstanceCount",
        allowed=within(AZURE_FUNCTION_INSTANCES),
        consequence="the cloud refuses it (Azure Functions, Flex Consumption plan, Scale)",
        fix=f"set at most {AZURE_FUNCTION_INSTANCES.most}",
    ),
    *(
        Required(
            id="azure-web-008",
            severity=Severity.MEDIUM,
            reference="https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable",
            on=f"azure-native:web:{kind}",
            path="allow",
            allowed=(False,),
            consequence="a user and a password would be enough to replace its program",
            fix="set it to false",
        )
        for kind in ("WebAppScmAllowed", "WebAppFtpAllowed")
    ),
    Required(
        id="azure-insights-001",
        severity=Severity.LOW,
        reference="https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication",
        on=INSIGHTS,
        path="disableLocalAuth",
        allowed=(True,),
        consequence="everyone with its key could write false telemetry",
        fix="set it to true",
    ),
)
