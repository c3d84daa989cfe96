"""Required settings of function apps and their telemetry."""

from __future__ import annotations

import re
from typing import Any, Final

from components.azure.facts import (
    AZURE_FUNCTION_INSTANCES,
)

from ...rule import Required, within
from .types import APP, DEPLOYMENT, INSIGHTS

_KEY: Final = re.compile(r"(AccountKey|SharedAccessKey|Password|Pwd)=", re.IGNORECASE)


def _without_key(value: Any) -> bool:
    return not _KEY.search(str(value))


REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        on=APP,
        path="httpsOnly",
        allowed=(True,),
        consequence="bearer tokens would be sent over the internet unencrypted",
        fix="set it to true",
    ),
    Required(
        on=APP,
        path="siteConfig.minTlsVersion",
        allowed=("1.2", "1.3"),
        consequence="clients could use a TLS that is broken",
        fix="set it to 1.2",
    ),
    Required(
        on=APP,
        path="siteConfig.ftpsState",
        allowed=("Disabled",),
        consequence="its files could be replaced by FTP",
        fix="set it to Disabled",
    ),
    Required(
        on=APP,
        path="siteConfig.ipSecurityRestrictionsDefaultAction",
        allowed=("Allow", "Deny"),
        consequence="it is not stated which networks may connect",
        fix="set it to Deny, and name networks; or to Allow",
    ),
    Required(
        on=APP,
        path="siteConfig.appSettings[*].value",
        allowed=_without_key,
        consequence="a key or a password would be stored in the program and in its state",
        fix="use the app's identity, or a reference to Key Vault",
    ),
    Required(
        on=APP,
        path=f"{DEPLOYMENT}.type",
        allowed=("UserAssignedIdentity", "SystemAssignedIdentity"),
        consequence="it would need the account's key, but the account has key access disabled",
        fix="set it to UserAssignedIdentity",
    ),
    Required(
        on=APP,
        path="functionAppConfig.scaleAndConcurrency.maximumInstanceCount",
        allowed=within(AZURE_FUNCTION_INSTANCES),
        consequence="the cloud refuses it (Azure Functions, Flex Consumption plan, Scale)",
        fix=f"set at most {AZURE_FUNCTION_INSTANCES.most}",
    ),
    *(
        Required(
            on=f"azure-native:web:{kind}",
            path="allow",
            allowed=(False,),
            consequence="a user and a password would be enough to replace its program",
            fix="set it to false",
        )
        for kind in ("WebAppScmAllowed", "WebAppFtpAllowed")
    ),
    Required(
        on=INSIGHTS,
        path="disableLocalAuth",
        allowed=(True,),
        consequence="everyone with its key could write false telemetry",
        fix="set it to true",
    ),
)
