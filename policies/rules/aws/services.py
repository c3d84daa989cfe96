"""Required settings of services that no component uses: public, unencrypted, not recorded."""

from __future__ import annotations

import re
from typing import Any, Final

from ...finding import Severity
from ...rule import Required
from ..rows import none_of, off, on, rows

_PUBLIC_ACLS: Final = ("public-read", "public-read-write", "authenticated-read")
_S3_ACL: Final = tuple(
    (f"aws:s3/{name[0].lower()}{name[1:]}:{name}", "acl")
    for name in ("Bucket", "BucketAcl", "BucketObject", "BucketObjectv2", "ObjectCopy")
)
_GROUPS: Final = re.compile(r"groups/global/(AllUsers|AuthenticatedUsers)$", re.IGNORECASE)
_BLOCKS: Final = (
    *("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
)
_ACCOUNT_BLOCK: Final = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"

_STORED: Final = (
    *((f"aws:{one}:Cluster", "storageEncrypted") for one in ("rds/cluster", "docdb/cluster")),
    ("aws:neptune/cluster:Cluster", "storageEncrypted"),
    ("aws:redshift/cluster:Cluster", "encrypted"),
    ("aws:efs/fileSystem:FileSystem", "encrypted"),
    ("aws:ebs/volume:Volume", "encrypted"),
    ("aws:opensearch/domain:Domain", "encryptAtRest.enabled"),
    ("aws:elasticsearch/domain:Domain", "encryptAtRest.enabled"),
    ("aws:dax/cluster:Cluster", "serverSideEncryption.enabled"),
)
_TLS_FROM_1_2: Final = re.compile(r"(TLSv1\.[23]_.*|TLS_1_[23].*|SecurityPolicy_TLS1[23]_.*)")


def _not_a_public_group(uri: Any) -> bool:
    return not _GROUPS.search(str(uri))


def _tls(policy: Any) -> bool:
    return bool(_TLS_FROM_1_2.fullmatch(str(policy)))


def _not_everywhere(principal: Any) -> bool:
    return str(principal) != "*"


REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "aws-s3-004",
        Severity.CRITICAL,
        "AWS Security Hub S3.2",
        "everyone on the internet could read its objects",
        "write private",
        _S3_ACL,
        none_of(*_PUBLIC_ACLS),
    ),
    *rows(
        "aws-s3-004",
        Severity.CRITICAL,
        "AWS Security Hub S3.2",
        "everyone on the internet could read its objects",
        "grant to the ids of accounts",
        (
            ("aws:s3/bucket:Bucket", "grants[*].uri"),
            ("aws:s3/bucketAcl:BucketAcl", "accessControlPolicy.grants[*].grantee.uri"),
            ("aws:s3/objectCopy:ObjectCopy", "grants[*].uri"),
        ),
        _not_a_public_group,
    ),
    *rows(
        "aws-s3-001",
        Severity.HIGH,
        "AWS Security Hub S3.8",
        "every bucket of the account may become public",
        "set it to true",
        ((_ACCOUNT_BLOCK, key) for key in _BLOCKS),
        (True,),
        absent=False,
    ),
    *rows(
        "aws-rds-002",
        Severity.CRITICAL,
        "AWS Security Hub RDS.2",
        "the database gets an address on the internet",
        "set it to false",
        (("aws:rds/clusterInstance:ClusterInstance", "publiclyAccessible"),),
        off,
    ),
    *rows(
        "aws-public-001",
        Severity.CRITICAL,
        "AWS Security Hub Redshift.1, DMS.1, MQ.5",
        "everyone on the internet could try to log in to it",
        "set it to false, and reach it through a private network",
        (
            ("aws:redshift/cluster:Cluster", "publiclyAccessible"),
            ("aws:redshiftserverless/workgroup:Workgroup", "publiclyAccessible"),
            ("aws:dms/replicationInstance:ReplicationInstance", "publiclyAccessible"),
            ("aws:mq/broker:Broker", "publiclyAccessible"),
            ("aws:neptune/clusterInstance:ClusterInstance", "publiclyAccessible"),
            ("aws:lightsail/database:Database", "publiclyAccessible"),
        ),
        off,
    ),
    *rows(
        "aws-public-001",
        Severity.CRITICAL,
        "AWS Security Hub Redshift.1, DMS.1, MQ.5",
        "everyone on the internet could try to log in to it",
        "write DISABLED, and reach it through a private network",
        (
            (
                "aws:msk/cluster:Cluster",
                "brokerNodeGroupInfo.connectivityInfo.publicAccess.type",
            ),
        ),
        ("DISABLED",),
    ),
    *rows(
        "aws-public-002",
        Severity.CRITICAL,
        "AWS Security Hub RDS.1, EC2.1, SSM.4",
        "every AWS account could copy what is in it",
        "name the accounts that it is shared with",
        (
            ("aws:rds/snapshot:Snapshot", "sharedAccounts[*]"),
            ("aws:rds/snapshotCopy:SnapshotCopy", "sharedAccounts[*]"),
            ("aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy", "sharedAccounts[*]"),
            ("aws:rds/clusterSnapshot:ClusterSnapshot", "sharedAccounts[*]"),
            ("aws:ec2/amiLaunchPermission:AmiLaunchPermission", "group"),
            ("aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission", "accountId"),
            ("aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess", "state"),
            ("aws:ssm/document:Document", "permissions.account_ids"),
        ),
        none_of("all", "unblocked"),
    ),
    *rows(
        "aws-public-003",
        Severity.CRITICAL,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
        "every AWS account could use it",
        "name the account, or set the id of the organization",
        (
            ("aws:lambda/layerVersionPermission:LayerVersionPermission", "principal"),
            ("aws:cloudwatch/eventPermission:EventPermission", "principal"),
        ),
        _not_everywhere,
    ),
    *rows(
        "aws-encryption-001",
        Severity.HIGH,
        "CIS AWS Foundations Benchmark 2.2.1; AWS Security Hub EC2.3, EFS.1, Opensearch.1",
        "data is stored unencrypted",
        "set it to true",
        _STORED,
        on,
        absent=False,
    ),
    *rows(
        "aws-encryption-002",
        Severity.HIGH,
        "AWS Security Hub MSK.1, Opensearch.3",
        "passwords and data are sent unencrypted",
        "write TLS, or set it to true",
        (
            ("aws:msk/cluster:Cluster", "encryptionInfo.encryptionInTransit.clientBroker"),
            ("aws:msk/cluster:Cluster", "encryptionInfo.encryptionInTransit.inCluster"),
            ("aws:opensearch/domain:Domain", "nodeToNodeEncryption.enabled"),
            ("aws:opensearch/domain:Domain", "domainEndpointOptions.enforceHttps"),
        ),
        none_of("PLAINTEXT", "TLS_PLAINTEXT", "DISABLED", "false"),
    ),
    *rows(
        "aws-tls-001",
        Severity.HIGH,
        "AWS Security Hub CloudFront.10, APIGateway.9",
        "tokens are sent over the internet with broken encryption",
        "write TLSv1.2_2021, TLS_1_2 or newer",
        (
            (
                "aws:cloudfront/distribution:Distribution",
                "viewerCertificate.minimumProtocolVersion",
            ),
            ("aws:apigateway/domainName:DomainName", "securityPolicy"),
            ("aws:apigatewayv2/domainName:DomainName", "domainNameConfiguration.securityPolicy"),
        ),
        _tls,
    ),
    *rows(
        "aws-tls-002",
        Severity.HIGH,
        "AWS Security Hub CloudFront.3",
        "tokens are sent over the internet unencrypted",
        "write redirect-to-https",
        (
            (
                "aws:cloudfront/distribution:Distribution",
                "defaultCacheBehavior.viewerProtocolPolicy",
            ),
            (
                "aws:cloudfront/distribution:Distribution",
                "orderedCacheBehaviors[*].viewerProtocolPolicy",
            ),
        ),
        none_of("allow-all"),
    ),
    *rows(
        "aws-cloudtrail-001",
        Severity.HIGH,
        "CIS AWS Foundations Benchmark 3.1",
        "nobody could find out who changed the account",
        "set it to true",
        (("aws:cloudtrail/trail:Trail", "enableLogging"),),
        on,
    ),
    *rows(
        "aws-cloudtrail-002",
        Severity.MEDIUM,
        "CIS AWS Foundations Benchmark 3.1, 3.2",
        "events in other regions, or changes of the log itself, are not recorded",
        "set it to true",
        (
            ("aws:cloudtrail/trail:Trail", "isMultiRegionTrail"),
            ("aws:cloudtrail/trail:Trail", "enableLogFileValidation"),
        ),
        on,
        absent=False,
    ),
    *rows(
        "aws-kms-001",
        Severity.MEDIUM,
        "CIS AWS Foundations Benchmark 3.6",
        "a key that leaked once opens everything that is encrypted later",
        "set it to true",
        (("aws:kms/key:Key", "enableKeyRotation"),),
        on,
    ),
    *rows(
        "aws-ec2-008",
        Severity.HIGH,
        "AWS Security Hub EC2.8",
        "a server that is tricked into a request gives away its role's credentials",
        "write required",
        (
            ("aws:ec2/instance:Instance", "metadataOptions.httpTokens"),
            ("aws:ec2/launchTemplate:LaunchTemplate", "metadataOptions.httpTokens"),
            ("aws:ec2/launchConfiguration:LaunchConfiguration", "metadataOptions.httpTokens"),
        ),
        none_of("optional"),
    ),
    *rows(
        "aws-iam-014",
        Severity.MEDIUM,
        "CIS AWS Foundations Benchmark 1.13",
        "a key that never expires can be copied, and is stored in the state",
        "give the program a role instead",
        (("aws:iam/accessKey:AccessKey", "user"),),
        (),
    ),
)
