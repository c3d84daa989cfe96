"""Types of Google Cloud in users' programs that no component registers.

The properties are those with ``ForceNew`` in the schemas of hashicorp/terraform-provider-google 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import ResourceType, resource_type

_NAMED: Final = ("name", "project")
_GRANT: Final = resource_type("")

COMMON_TYPES: Final[Mapping[str, ResourceType]] = {
    "gcp:cloudfunctions/function:Function": resource_type(
        *_NAMED, "entryPoint", "eventTrigger.eventType", "region", "triggerHttp",
        "serviceAccountEmail",
    ),
    "gcp:cloudfunctions/functionIamMember:FunctionIamMember": _GRANT,
    "gcp:cloudrun/iamMember:IamMember": _GRANT,
    "gcp:cloudrun/service:Service": resource_type(*_NAMED, "location"),
    "gcp:compute/address:Address": resource_type(
        *_NAMED, "address", "addressType", "ipVersion", "network", "networkTier", "region",
        "subnetwork",
        holds="its address",
    ),
    "gcp:compute/disk:Disk": resource_type(
        *_NAMED, "image", "snapshot", "type", "zone", "diskEncryptionKey", holds="the data on it"
    ),
    "gcp:compute/firewall:Firewall": resource_type(*_NAMED, "direction"),
    "gcp:compute/instance:Instance": resource_type(
        *_NAMED, "bootDisk", "guestAccelerators", "hostname", "scratchDisks", "zone",
        holds="the data on its boot disk",
    ),
    "gcp:compute/network:Network": resource_type(*_NAMED, "autoCreateSubnetworks", "description"),
    "gcp:compute/router:Router": resource_type(*_NAMED, "network", "region"),
    "gcp:compute/routerNat:RouterNat": resource_type(*_NAMED, "region", "router", "type"),
    "gcp:compute/subnetwork:Subnetwork": resource_type(
        *_NAMED, "description", "network", "region"
    ),
    "gcp:container/cluster:Cluster": resource_type(
        *_NAMED, "clusterIpv4Cidr", "datapathProvider", "description", "enableAutopilot",
        "initialNodeCount", "ipAllocationPolicy", "location", "network", "networkingMode",
        "subnetwork",
        holds="everything in it",
    ),
    "gcp:container/nodePool:NodePool": resource_type(
        *_NAMED, "cluster", "initialNodeCount", "location", "maxPodsPerNode"
    ),
    "gcp:kms/cryptoKey:CryptoKey": resource_type(
        "keyRing", "name", "purpose", "importOnly", holds="what is encrypted with it"
    ),
    "gcp:kms/keyRing:KeyRing": resource_type(*_NAMED, "location"),
    "gcp:pubsub/subscription:Subscription": resource_type(
        *_NAMED, "enableMessageOrdering", "filter", "topic", holds="the messages in it"
    ),
    "gcp:pubsub/topic:Topic": resource_type(*_NAMED),
    "gcp:redis/instance:Instance": resource_type(
        *_NAMED, "authorizedNetwork", "connectMode", "locationId", "region", "tier",
        "transitEncryptionMode",
        holds="the keys in it",
    ),
    "gcp:secretmanager/secret:Secret": resource_type(
        "project", "replication", "secretId", holds="its versions"
    ),
    "gcp:storage/bucketIAMBinding:BucketIAMBinding": resource_type("bucket", "role"),
}  # fmt: skip
