"""Types of AWS in users' programs that no component registers.

The properties are those that force a new resource in hashicorp/terraform-provider-aws 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import ResourceType, resource_type

_NAME: Final = ("name", "namePrefix")
_OF_BUCKET: Final = resource_type("bucket")
_OF_API: Final = resource_type("restApi")

COMMON_TYPES: Final[Mapping[str, ResourceType]] = {
    "aws:acm/certificate:Certificate": resource_type(
        "domainName", "keyAlgorithm", "subjectAlternativeNames", "validationMethod"
    ),
    "aws:acm/certificateValidation:CertificateValidation": resource_type(""),
    "aws:apigateway/apiKey:ApiKey": resource_type("value"),
    "aws:apigateway/deployment:Deployment": resource_type("restApi", "triggers"),
    "aws:apigateway/resource:Resource": _OF_API,
    "aws:apigateway/restApi:RestApi": resource_type(),
    "aws:apigateway/stage:Stage": resource_type("restApi", "stageName"),
    "aws:apigateway/usagePlan:UsagePlan": resource_type(),
    "aws:autoscaling/group:Group": resource_type(*_NAME),
    "aws:cloudfront/distribution:Distribution": resource_type(),
    "aws:cloudwatch/eventBus:EventBus": resource_type("name"),
    "aws:cloudwatch/eventRule:EventRule": resource_type(*_NAME, "eventBusName"),
    "aws:cloudwatch/eventTarget:EventTarget": resource_type("eventBusName", "rule", "targetId"),
    "aws:cognito/userPool:UserPool": resource_type(
        "aliasAttributes", "usernameAttributes", holds="the users in it"
    ),
    "aws:cognito/userPoolClient:UserPoolClient": resource_type("generateSecret", "userPoolId"),
    "aws:ebs/volume:Volume": resource_type(
        "availabilityZone", "encrypted", "kmsKeyId", "snapshotId", holds="the data on it"
    ),
    "aws:ec2/eip:Eip": resource_type(
        "address", "domain", "networkBorderGroup", "publicIpv4Pool", holds="its address"
    ),
    "aws:ec2/instance:Instance": resource_type(
        *("ami", "availabilityZone", "associatePublicIpAddress", "keyName", "privateIp"),
        *("subnetId", "tenancy", "rootBlockDevice.encrypted", "rootBlockDevice.kmsKeyId"),
        holds="the data on its root volume",
    ),
    "aws:ec2/internetGateway:InternetGateway": resource_type(),
    "aws:ec2/keyPair:KeyPair": resource_type("keyName", "keyNamePrefix", "publicKey"),
    "aws:ec2/launchConfiguration:LaunchConfiguration": resource_type(""),
    "aws:ec2/launchTemplate:LaunchTemplate": resource_type(*_NAME),
    "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation": resource_type(),
    "aws:ec2/natGateway:NatGateway": resource_type(
        "allocationId", "connectivityType", "privateIp", "subnetId"
    ),
    "aws:ec2/route:Route": resource_type(
        "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId",
        "routeTableId",
    ),
    "aws:ec2/routeTable:RouteTable": resource_type("vpcId"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": resource_type("gatewayId", "subnetId"),
    "aws:ec2/subnet:Subnet": resource_type(
        "availabilityZone", "availabilityZoneId", "cidrBlock", "ipv6Native", "outpostArn", "vpcId"
    ),
    "aws:ec2/vpc:Vpc": resource_type(
        "cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength"
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": resource_type("serviceName", "vpcEndpointType", "vpcId"),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": resource_type("policy", "repository"),
    "aws:ecr/repository:Repository": resource_type(
        "encryptionConfigurations", "name", holds="the images in it"
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": resource_type("repository"),
    "aws:eks/cluster:Cluster": resource_type("name", "roleArn", holds="everything in it"),
    "aws:eks/nodeGroup:NodeGroup": resource_type(
        "amiType", "capacityType", "clusterName", "diskSize", "instanceTypes", "nodeGroupName",
        "nodeRoleArn", "subnetIds",
    ),
    "aws:iam/instanceProfile:InstanceProfile": resource_type(*_NAME, "path"),
    "aws:iam/policy:Policy": resource_type(*_NAME, "description", "path"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": resource_type("policyArn", "role"),
    "aws:iam/user:User": resource_type(),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": resource_type("policyArn", "user"),
    "aws:kinesis/stream:Stream": resource_type("name", holds="the records in it"),
    "aws:kms/alias:Alias": resource_type(*_NAME),
    "aws:kms/key:Key": resource_type(
        "customerMasterKeySpec", "keyUsage", "multiRegion", holds="what is encrypted with it"
    ),
    "aws:lb/listenerRule:ListenerRule": resource_type("listenerArn"),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": resource_type(""),
    "aws:rds/cluster:Cluster": resource_type(
        *("clusterIdentifier", "databaseName", "dbSubnetGroupName", "engine", "kmsKeyId"),
        *("masterUsername", "snapshotIdentifier", "storageEncrypted"),
        holds="the databases in it",
    ),
    "aws:rds/clusterInstance:ClusterInstance": resource_type(
        "clusterIdentifier", "engine", "identifier"
    ),
    "aws:route53/record:Record": resource_type("name", "zoneId"),
    "aws:route53/zone:Zone": resource_type("name", holds="the records in it"),
    "aws:s3/bucketAcl:BucketAcl": _OF_BUCKET,
    "aws:s3/bucketNotification:BucketNotification": _OF_BUCKET,
    "aws:s3/bucketObject:BucketObject": resource_type("bucket", "key"),
    "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration": _OF_BUCKET,
    "aws:secretsmanager/secret:Secret": resource_type(*_NAME, holds="its values"),
    "aws:secretsmanager/secretVersion:SecretVersion": resource_type("secretId"),
    "aws:sfn/stateMachine:StateMachine": resource_type(*_NAME, "type"),
    "aws:ssm/parameter:Parameter": resource_type("name"),
}  # fmt: skip
