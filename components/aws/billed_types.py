"""What AWS bills for: types and the properties that change their price (AWS price lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import Billed, billed

_LOAD_BALANCER: Final = billed("hours of a load balancer and the traffic through it")
_DATABASE_STORAGE: Final = ("allocatedStorage", "iops", "storageType", "backupRetentionPeriod")

BILLED_TYPES: Final[Mapping[str, Billed]] = {
    "aws:apigatewayv2/api:Api": billed("requests", "protocolType"),
    "aws:appautoscaling/target:Target": billed("capacity", "minCapacity", "maxCapacity"),
    "aws:autoscaling/group:Group": billed(
        "hours of its instances", "desiredCapacity", "maxSize", "minSize"
    ),
    "aws:cloudfront/distribution:Distribution": billed("requests and traffic", "priceClass"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": billed("the alarm, by the month"),
    "aws:cloudwatch/dashboard:Dashboard": billed("the dashboard, by the month"),
    "aws:cloudwatch/logGroup:LogGroup": billed(
        "ingested and stored log events", "logGroupClass", "retentionInDays"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": billed("the alarm, by the month"),
    "aws:dynamodb/table:Table": billed(
        "reads, writes and stored items",
        *("billingMode", "readCapacity", "writeCapacity", "replicas", "tableClass"),
        "pointInTimeRecovery.enabled",
    ),
    "aws:ebs/volume:Volume": billed("provisioned storage", "iops", "size", "throughput", "type"),
    "aws:ec2/eip:Eip": billed("hours of a public address"),
    "aws:ec2/instance:Instance": billed(
        "hours of the instance and its disks",
        *("instanceType", "tenancy", "rootBlockDevice", "ebsBlockDevices", "monitoring"),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": billed("instances made of it", "instanceType"),
    "aws:ec2/natGateway:NatGateway": billed("hours of a NAT gateway and the traffic through it"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": billed(
        "hours of an endpoint in each subnet", "subnetIds", "vpcEndpointType"
    ),
    "aws:ecs/service:Service": billed("running tasks", "desiredCount"),
    "aws:ecs/taskDefinition:TaskDefinition": billed(
        "CPU and memory of each task", "cpu", "memory", "ephemeralStorage"
    ),
    "aws:efs/fileSystem:FileSystem": billed(
        "stored files and throughput", "provisionedThroughputInMibps", "throughputMode"
    ),
    "aws:eks/cluster:Cluster": billed("hours of the control plane"),
    "aws:eks/nodeGroup:NodeGroup": billed(
        "hours of its nodes", "capacityType", "diskSize", "instanceTypes", "scalingConfig"
    ),
    "aws:elasticache/cluster:Cluster": billed("hours of its nodes", "nodeType", "numCacheNodes"),
    "aws:elasticache/replicationGroup:ReplicationGroup": billed(
        "hours of its nodes",
        *("nodeType", "numCacheClusters", "numNodeGroups", "replicasPerNodeGroup"),
        *("multiAzEnabled", "snapshotRetentionLimit"),
    ),
    "aws:elb/loadBalancer:LoadBalancer": _LOAD_BALANCER,
    "aws:kinesis/stream:Stream": billed(
        "shards and stored records", "retentionPeriod", "shardCount", "streamModeDetails"
    ),
    "aws:kms/key:Key": billed("the key, by the month"),
    "aws:lambda/function:Function": billed(
        "memory and time of invocations",
        *("ephemeralStorage", "memorySize", "reservedConcurrentExecutions", "timeout"),
    ),
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": billed(
        "hours of waiting instances", "provisionedConcurrentExecutions"
    ),
    "aws:lb/loadBalancer:LoadBalancer": _LOAD_BALANCER,
    "aws:msk/cluster:Cluster": billed(
        "hours of its brokers", "brokerNodeGroupInfo", "numberOfBrokerNodes"
    ),
    "aws:opensearch/domain:Domain": billed("hours of its nodes", "clusterConfig", "ebsOptions"),
    "aws:rds/cluster:Cluster": billed(
        "storage, backups and capacity",
        *_DATABASE_STORAGE,
        "dbClusterInstanceClass",
        "serverlessv2ScalingConfiguration",
    ),
    "aws:rds/clusterInstance:ClusterInstance": billed("hours of the instance", "instanceClass"),
    "aws:rds/instance:Instance": billed(
        "hours of the instance, storage and backups",
        *_DATABASE_STORAGE,
        *("instanceClass", "maxAllocatedStorage", "multiAz", "monitoringInterval"),
        *("performanceInsightsRetentionPeriod", "storageThroughput"),
    ),
    "aws:redshift/cluster:Cluster": billed("hours of its nodes", "nodeType", "numberOfNodes"),
    "aws:route53/zone:Zone": billed("the zone, by the month"),
    "aws:s3/bucket:Bucket": billed("stored objects and requests"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": billed(
        "how long objects are kept, and in which storage class", "rules"
    ),
    "aws:secretsmanager/secret:Secret": billed("the secret, by the month", "replicas"),
    "aws:wafv2/webAcl:WebAcl": billed("the list, its rules and requests", "rules"),
}
