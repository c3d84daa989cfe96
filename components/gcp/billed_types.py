"""What Google Cloud bills for: types and the properties that change their price (price lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import Billed, billed

BILLED_TYPES: Final[Mapping[str, Billed]] = {
    "gcp:artifactregistry/repository:Repository": billed(
        "stored images", "cleanupPolicies", "cleanupPolicyDryRun"
    ),
    "gcp:cloudfunctionsv2/function:Function": billed(
        "CPU and memory of its instances",
        *("serviceConfig.availableCpu", "serviceConfig.availableMemory"),
        *("serviceConfig.maxInstanceCount", "serviceConfig.minInstanceCount"),
    ),
    "gcp:cloudrunv2/service:Service": billed(
        "CPU and memory of its instances",
        *("scaling", "template.scaling", "template.containers[*].resources"),
    ),
    "gcp:compute/address:Address": billed("hours of an address", "addressType"),
    "gcp:compute/disk:Disk": billed(
        "provisioned storage", "provisionedIops", "provisionedThroughput", "size", "type"
    ),
    "gcp:compute/forwardingRule:ForwardingRule": billed(
        "hours of a load balancer and the traffic through it"
    ),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": billed(
        "hours of a load balancer and the traffic through it"
    ),
    "gcp:compute/instance:Instance": billed(
        "hours of the instance and its disks",
        *("bootDisk", "guestAccelerators", "machineType", "scheduling"),
    ),
    "gcp:compute/routerNat:RouterNat": billed("hours of a NAT gateway and the traffic through it"),
    "gcp:container/cluster:Cluster": billed(
        "hours of the control plane and its nodes", "enableAutopilot", "initialNodeCount"
    ),
    "gcp:container/nodePool:NodePool": billed(
        "hours of its nodes",
        *("autoscaling", "initialNodeCount", "nodeConfig.machineType", "nodeConfig.diskSizeGb"),
        "nodeCount",
    ),
    "gcp:firestore/database:Database": billed(
        "reads, writes and stored documents", "pointInTimeRecoveryEnablement"
    ),
    "gcp:kms/cryptoKey:CryptoKey": billed("key versions, by the month", "rotationPeriod"),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": billed(
        "stored log entries", "retentionDays"
    ),
    "gcp:memorystore/instance:Instance": billed(
        "hours of its nodes", "mode", "nodeType", "replicaCount", "shardCount"
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": billed("its conditions, by the month"),
    "gcp:redis/instance:Instance": billed(
        "provisioned memory", "memorySizeGb", "replicaCount", "tier"
    ),
    "gcp:secretmanager/secret:Secret": billed("active versions, by the month"),
    "gcp:sql/databaseInstance:DatabaseInstance": billed(
        "hours of the instance, storage and backups",
        *("settings.tier", "settings.edition", "settings.availabilityType"),
        *("settings.diskSize", "settings.diskType", "settings.diskAutoresizeLimit"),
        *("settings.backupConfiguration", "replicaConfiguration"),
    ),
    "gcp:storage/bucket:Bucket": billed(
        "stored objects and requests",
        *("lifecycleRules", "retentionPolicy", "softDeletePolicy", "storageClass", "versioning"),
    ),
}
