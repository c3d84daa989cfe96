"""Types of Azure in users' programs that no component registers.

Besides its name, the location and the resource group of a resource replace it in Azure Resource
Manager; the SDK marks them for replacement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import ResourceType, resource_type

_PLACED: Final = ("location", "resourceGroupName")

COMMON_TYPES: Final[Mapping[str, ResourceType]] = {
    "azure-native:compute:VirtualMachine": resource_type(
        *_PLACED, "vmName", "osProfile", "zones", holds="the data on its disk"
    ),
    "azure-native:containerregistry:Registry": resource_type(
        *_PLACED, "registryName", holds="the images in it"
    ),
    "azure-native:containerservice:ManagedCluster": resource_type(
        *_PLACED, "resourceName", "dnsPrefix", "nodeResourceGroup", holds="everything in it"
    ),
    "azure-native:keyvault:Secret": resource_type("resourceGroupName", "secretName", "vaultName"),
    "azure-native:keyvault:Vault": resource_type(
        *_PLACED, "vaultName", holds="the keys and secrets in it"
    ),
    "azure-native:network:NetworkInterface": resource_type(*_PLACED, "networkInterfaceName"),
    "azure-native:network:NetworkSecurityGroup": resource_type(
        *_PLACED, "networkSecurityGroupName"
    ),
    "azure-native:network:PublicIPAddress": resource_type(
        *_PLACED, "publicIpAddressName", holds="its address"
    ),
    "azure-native:network:Subnet": resource_type(
        "resourceGroupName", "subnetName", "virtualNetworkName"
    ),
    "azure-native:network:VirtualNetwork": resource_type(*_PLACED, "virtualNetworkName"),
}
