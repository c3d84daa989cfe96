"""A storage account on Azure for backups, whose blobs are immutable for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.arg_types import DnsLabel, ObjectName, Url
from ..base.cloud_resource import CloudResource
from ..base.problems import Problem
from ..mcp.backup_bucket import BackupBucket, BackupBucketArgs
from .arg_types import KeyUri, Region, ResourceId
from .facts import AZURE_SOFT_DELETE_DAYS
from .identity import assign_role, managed_identity
from .location import AzureLocation
from .resource_group import AzureGroup
from .tokens import STORAGE

READS: Final = "Storage Blob Data Reader"
WRITES: Final = "Storage Blob Data Contributor"


@dataclass(frozen=True, kw_only=True)
class AzureKey:
    """Your own key of Key Vault.

    Attributes:
        uri: address of the key, without a version: the newest one is used.
        identity: resource id of the managed identity that may use it (role Key Vault Crypto
            Service Encryption User).
    """

    uri: KeyUri
    identity: ResourceId


@dataclass(frozen=True, kw_only=True)
class AzureWorkloadIdentity:
    """The pods that act as a managed identity, without a password.

    Attributes:
        issuer: URL of the cluster's issuer of service account tokens.
        namespace: of the pods.
        service_account: of the pods.
    """

    issuer: Url
    namespace: DnsLabel
    service_account: ObjectName


@dataclass(frozen=True, kw_only=True)
class AzureBackupStorageArgs(BackupBucketArgs):
    """Args of a storage account for backups on Azure.

    Attributes:
        location: subscription of the account, and its region.
        data_region: the region of the data; the account must be in another one.
        writer: the pods that write the backups; None: assign the identity to a machine instead.
        further_writers: other pods that write.
        readers: pods that may read the blobs, as another identity.
        key: your own key; None: a key of Azure.
        zone_redundant: keep a copy in each of three zones of the region.
    """

    location: AzureLocation
    data_region: Region
    writer: AzureWorkloadIdentity | None = None
    further_writers: Sequence[AzureWorkloadIdentity] = ()
    readers: Sequence[AzureWorkloadIdentity] = ()
    key: AzureKey | None = None
    zone_redundant: bool = True

    @property
    def region(self) -> str:
        return self.location.region

    def refusals(self) -> list[Problem]:
        """The problems of every bucket for backups, and what Azure refuses."""
        return [
            *super().refusals(),
            *AZURE_SOFT_DELETE_DAYS.problems("lock_days", self.lock_days, fix="set 7 to 365"),
        ]


class AzureBackupStorage(BackupBucket[AzureBackupStorageArgs]):
    """A storage account for backups: versioned, encrypted, immutable, without keys.

    No version of a blob can be deleted or changed for ``lock_days`` after it was written. Only the
    component's managed identity may read and write blobs; a second one may read them.

    Attributes:
        client_id: id by which pods log in as the identity; the annotation
            ``azure.workload.identity/client-id`` of their service account.
        reader_client_id: that of the identity of the readers; empty without readers.
    """

    args_type = AzureBackupStorageArgs

    client_id: pulumi.Output[str]
    reader_client_id: pulumi.Output[str]

    def build(self, args: AzureBackupStorageArgs) -> None:
        group = AzureGroup(self, args.location)
        account = group.make(
            STORAGE,
            "backups",
            {
                "kind": "StorageV2",
                "sku": {"name": "Standard_ZRS" if args.zone_redundant else "Standard_LRS"},
                "allowSharedKeyAccess": False,
                "allowBlobPublicAccess": False,
                "allowCrossTenantReplication": False,
                "defaultToOAuthAuthentication": True,
                "enableHttpsTrafficOnly": True,
                "isLocalUserEnabled": False,
                "minimumTlsVersion": "TLS1_2",
                "immutableStorageWithVersioning": {
                    "enabled": True,
                    "immutabilityPolicy": {
                        "immutabilityPeriodSinceCreationInDays": args.lock_days,
                        "state": "Unlocked",
                    },
                },
                **_encryption(args.key),
            },
            outputs=("primaryEndpoints",),
            protect=args.protect,
        )
        service = group.make(
            "azure-native:storage:BlobServiceProperties",
            "versions",
            {
                "accountName": account.output("name"),
                "blobServicesName": "default",
                "isVersioningEnabled": True,
                "deleteRetentionPolicy": {"enabled": True, "days": args.lock_days},
                "containerDeleteRetentionPolicy": {"enabled": True, "days": args.lock_days},
            },
        )
        self._retention(group, account, args, after=service)
        container = group.make(
            "azure-native:storage:BlobContainer",
            "container",
            {
                "accountName": account.output("name"),
                "containerName": "backups",
                "publicAccess": "None",
            },
            protect=args.protect,
            depends_on=[service],
        )
        self._allow(group, args, container)
        endpoint = account.output("primaryEndpoints").apply(lambda to: to["blob"].rstrip("/"))
        self.endpoint = endpoint
        self.backup_location = pulumi.Output.concat(endpoint, "/", container.output("name"))

    def _retention(
        self,
        group: AzureGroup,
        account: CloudResource,
        args: AzureBackupStorageArgs,
        *,
        after: CloudResource,
    ) -> None:
        written = {"delete": {"daysAfterModificationGreaterThan": args.retention_days}}
        version = {"delete": {"daysAfterCreationGreaterThan": args.retention_days}}
        group.make(
            "azure-native:storage:ManagementPolicy",
            "retention",
            {
                "accountName": account.output("name"),
                "managementPolicyName": "default",
                "policy": {
                    "rules": [
                        {
                            "name": "backups",
                            "enabled": True,
                            "type": "Lifecycle",
                            "definition": {
                                "actions": {"baseBlob": written, "version": version},
                                "filters": {"blobTypes": ["blockBlob"]},
                            },
                        }
                    ]
                },
            },
            depends_on=[after],
        )

    def _allow(
        self, group: AzureGroup, args: AzureBackupStorageArgs, container: CloudResource
    ) -> None:
        scope = container.output("id")
        identity = managed_identity(group)
        self.client_id = identity.output("clientId")
        assign_role(group, identity, WRITES, scope, on="backups")
        writers = [*([args.writer] if args.writer else []), *args.further_writers]
        _trust(group, identity, writers, "pods")
        self.reader_client_id = pulumi.Output.from_input("")
        if args.readers:
            reader = managed_identity(group, "reader")
            self.reader_client_id = reader.output("clientId")
            assign_role(group, reader, READS, scope, on="restores")
            _trust(group, reader, args.readers, "readers")


def _trust(
    group: AzureGroup,
    identity: CloudResource,
    pods: Sequence[AzureWorkloadIdentity],
    role: str,
) -> None:
    """Let pods log in as the identity."""
    before: list[CloudResource] = []
    for number, each in enumerate(dict.fromkeys(pods), 1):
        name = role if number == 1 else f"{role}-{number}"
        # Azure refuses two changes of one identity's credentials at a time.
        made = group.make(
            "azure-native:managedidentity:FederatedIdentityCredential",
            name,
            {
                "resourceName": identity.output("name"),
                "federatedIdentityCredentialResourceName": name,
                "issuer": each.issuer,
                "subject": f"system:serviceaccount:{each.namespace}:{each.service_account}",
                "audiences": ["api://AzureADTokenExchange"],
            },
            depends_on=before,
        )
        before = [made]


def _encryption(key: AzureKey | None) -> dict[str, Any]:
    services = {"blob": {"enabled": True, "keyType": "Account"}}
    if key is None:
        managed = {"services": services, "keySource": "Microsoft.Storage"}
        return {"encryption": {**managed, "requireInfrastructureEncryption": True}}
    vault, _, name = key.uri.partition("/keys/")
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": [key.identity]},
        "encryption": {
            "services": services,
            "requireInfrastructureEncryption": True,
            "keySource": "Microsoft.Keyvault",
            "keyVaultProperties": {"keyVaultUri": vault, "keyName": name},
            "encryptionIdentity": {"encryptionUserAssignedIdentity": key.identity},
        },
    }
