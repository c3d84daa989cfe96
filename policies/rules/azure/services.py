"""Required settings of services that the components do not use, and of the classic provider."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import Required
from ..rows import at_least, none_of, off, on, rows

_LEARN: Final = "https://learn.microsoft.com/azure/"
_CLASSIC_STORAGE: Final = "azure:storage/account:Account"
_CLASSIC_APPS: Final = tuple(
    f"azure:appservice/{name[0].lower()}{name[1:]}:{name}"
    for name in ("LinuxWebApp", "WindowsWebApp", "LinuxFunctionApp", "WindowsFunctionApp")
)
_REGISTRIES: Final = (
    "azure-native:containerregistry:Registry",
    "azure:containerservice/registry:Registry",
)
_MACHINE: Final = "azure-native:compute:VirtualMachine"

REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "azure-storage-005",
        Severity.CRITICAL,
        f"{_LEARN}storage/blobs/anonymous-read-access-configure",
        "everyone on the internet could read its content",
        "write private",
        (("azure:storage/container:Container", "containerAccessType"),),
        none_of("blob", "container"),
    ),
    *rows(
        "azure-storage-002",
        Severity.HIGH,
        f"{_LEARN}storage/blobs/anonymous-read-access-prevent",
        "a container could be made public",
        "set it to false",
        ((_CLASSIC_STORAGE, "allowNestedItemsToBePublic"),),
        off,
        absent=False,
    ),
    *rows(
        "azure-storage-003",
        Severity.HIGH,
        f"{_LEARN}storage/common/storage-require-secure-transfer",
        "tokens and data would be sent unencrypted",
        "set it to true",
        (
            (_CLASSIC_STORAGE, "httpsTrafficOnlyEnabled"),
            (_CLASSIC_STORAGE, "enableHttpsTrafficOnly"),
        ),
        on,
    ),
    *rows(
        "azure-storage-004",
        Severity.HIGH,
        f"{_LEARN}storage/common/transport-layer-security-configure-minimum-version",
        "clients could use a TLS that is broken",
        "set it to TLS1_2",
        ((_CLASSIC_STORAGE, "minTlsVersion"),),
        none_of("TLS1_0", "TLS1_1"),
    ),
    *rows(
        "azure-storage-006",
        Severity.MEDIUM,
        "CIS Microsoft Azure Foundations Benchmark 3.11",
        "blobs that were deleted by mistake a few days ago cannot be restored",
        "keep deleted blobs for 7 days or longer",
        (
            ("azure-native:storage:BlobServiceProperties", "deleteRetentionPolicy.days"),
            (_CLASSIC_STORAGE, "blobProperties.deleteRetentionPolicy.days"),
        ),
        at_least(7),
    ),
    *rows(
        "azure-network-005",
        Severity.MEDIUM,
        "CIS Microsoft Azure Foundations Benchmark 3.8, 8.7",
        "everyone with a key or a token that leaked could use it, from everywhere",
        "write Deny, and list the networks that need access",
        (
            ("azure-native:storage:StorageAccount", "networkRuleSet.defaultAction"),
            ("azure-native:keyvault:Vault", "properties.networkAcls.defaultAction"),
            (_CLASSIC_STORAGE, "networkRules.defaultAction"),
            ("azure:keyvault/keyVault:KeyVault", "networkAcls.defaultAction"),
        ),
        none_of("allow"),
    ),
    *rows(
        "azure-public-001",
        Severity.HIGH,
        "CIS Microsoft Azure Foundations Benchmark 4.1.2, 4.5.1",
        "it would accept connections from the internet",
        "set it to Disabled, and use a private endpoint",
        (
            ("azure-native:sql:Server", "publicNetworkAccess"),
            ("azure-native:documentdb:DatabaseAccount", "publicNetworkAccess"),
            ("azure-native:cosmosdb:DatabaseAccount", "publicNetworkAccess"),
            ("azure-native:cache:Redis", "publicNetworkAccess"),
            ("azure-native:redis:Redis", "publicNetworkAccess"),
            ("azure-native:dbformysql:Server", "network.publicNetworkAccess"),
            ("azure-native:cognitiveservices:Account", "properties.publicNetworkAccess"),
            ("azure-native:search:Service", "publicNetworkAccess"),
            ("azure:mssql/server:Server", "publicNetworkAccessEnabled"),
            ("azure:cosmosdb/account:Account", "publicNetworkAccessEnabled"),
            ("azure:redis/cache:Cache", "publicNetworkAccessEnabled"),
        ),
        none_of("enabled", "true"),
    ),
    *rows(
        "azure-acr-001",
        Severity.CRITICAL,
        f"{_LEARN}container-registry/anonymous-pull-access",
        "everyone on the internet could read what is in the images",
        "set it to false",
        ((registry, "anonymousPullEnabled") for registry in _REGISTRIES),
        off,
    ),
    *rows(
        "azure-acr-002",
        Severity.HIGH,
        f"{_LEARN}container-registry/container-registry-authentication#admin-account",
        "one password, which nobody can trace, could replace every image",
        "set it to false, and give identities the role AcrPull",
        (
            *((registry, "adminUserEnabled") for registry in _REGISTRIES),
            (_REGISTRIES[1], "adminEnabled"),
        ),
        off,
    ),
    *rows(
        "azure-aks-002",
        Severity.HIGH,
        f"{_LEARN}aks/manage-azure-rbac",
        "everyone who has logged in to the cluster administers it",
        "set it to true",
        (
            ("azure-native:containerservice:ManagedCluster", "enableRBAC"),
            (
                "azure:containerservice/kubernetesCluster:KubernetesCluster",
                "roleBasedAccessControlEnabled",
            ),
        ),
        on,
    ),
    *rows(
        "azure-web-001",
        Severity.HIGH,
        f"{_LEARN}app-service/configure-ssl-bindings#enforce-https",
        "bearer tokens would be sent over the internet unencrypted",
        "set it to true",
        ((app, "httpsOnly") for app in _CLASSIC_APPS),
        on,
        absent=False,
    ),
    *rows(
        "azure-web-002",
        Severity.HIGH,
        f"{_LEARN}app-service/configure-ssl-bindings#enforce-tls-versions",
        "clients could use a TLS that is broken",
        "set it to 1.2",
        ((app, "siteConfig.minimumTlsVersion") for app in _CLASSIC_APPS),
        none_of("1.0", "1.1"),
    ),
    *rows(
        "azure-web-010",
        Severity.HIGH,
        "CIS Microsoft Azure Foundations Benchmark 9.12",
        "everyone who can connect to the debugger's port can run any program",
        "set it to false",
        (
            ("azure-native:web:WebApp", "siteConfig.remoteDebuggingEnabled"),
            *((app, "siteConfig.remoteDebuggingEnabled") for app in _CLASSIC_APPS),
        ),
        off,
    ),
    *rows(
        "azure-tls-001",
        Severity.HIGH,
        f"{_LEARN}azure-cache-for-redis/cache-configure#access-ports",
        "passwords and data would be sent unencrypted",
        "set it to false",
        (
            ("azure-native:cache:Redis", "enableNonSslPort"),
            ("azure-native:redis:Redis", "enableNonSslPort"),
            ("azure:redis/cache:Cache", "enableNonSslPort"),
            ("azure:redis/cache:Cache", "nonSslPortEnabled"),
        ),
        off,
    ),
    *rows(
        "azure-tls-002",
        Severity.HIGH,
        f"{_LEARN}azure-sql/database/connectivity-settings#minimal-tls-version",
        "clients could use a TLS that is broken, or none",
        "set it to 1.2",
        (
            ("azure-native:sql:Server", "minimalTlsVersion"),
            ("azure-native:cache:Redis", "minimumTlsVersion"),
            ("azure-native:redis:Redis", "minimumTlsVersion"),
            ("azure:mssql/server:Server", "minimumTlsVersion"),
            ("azure:redis/cache:Cache", "minimumTlsVersion"),
        ),
        none_of("None", "1.0", "1.1", "Disabled"),
    ),
    *rows(
        "azure-vm-001",
        Severity.HIGH,
        f"{_LEARN}virtual-machines/linux/create-ssh-keys-detailed",
        "everyone who reaches the machine could guess the password",
        "set it to true, and name a public key",
        (
            (_MACHINE, "osProfile.linuxConfiguration.disablePasswordAuthentication"),
            (
                "azure:compute/linuxVirtualMachine:LinuxVirtualMachine",
                "disablePasswordAuthentication",
            ),
        ),
        on,
    ),
    *rows(
        "azure-keyvault-001",
        Severity.MEDIUM,
        "CIS Microsoft Azure Foundations Benchmark 8.5",
        "keys and secrets that are deleted could be purged, and what they encrypt is lost",
        "set it to true",
        (
            ("azure-native:keyvault:Vault", "properties.enablePurgeProtection"),
            ("azure:keyvault/keyVault:KeyVault", "purgeProtectionEnabled"),
        ),
        on,
        absent=False,
    ),
)
