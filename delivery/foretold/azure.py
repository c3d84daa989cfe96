"""Outputs of Azure resources that follow from names, resource group and subscription."""

from __future__ import annotations

from typing import Final

_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"

AZURE: Final = {
    "azure-native:resources:ResourceGroup": {"id": _GROUP, "name": "{resourceGroupName}"},
    "azure-native:storage:StorageAccount": {
        "id": f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{accountName}}",
        "name": "{accountName}",
        "primaryEndpoints.blob": "https://{accountName}.blob.core.windows.net/",
        "primaryEndpoints.table": "https://{accountName}.table.core.windows.net/",
    },
}
