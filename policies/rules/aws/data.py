"""Required settings of databases, caches, tables, queues and buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from components.aws.limits import RDS_BACKUPS
from graph.resource_graph import ResourceGraph

from ...finding import Severity
from ...rule import Check, Hit, Required, Rule, at
from .types import (
    CACHE,
    DATABASE,
    ENCRYPTION,
    PARAMETERS,
    PRIVATE,
    QUEUE,
    TABLE,
    VERSIONS,
    must,
    named,
    within,
)

REPLICA: Final = "replicateSourceDb"
"""Property of a read replica, which has the passwords of its source and no final snapshot."""


def _forces_tls(parameters: Any) -> bool:
    return {"name": "rds.force_ssl", "value": "1"} in parameters


ENCRYPTED_QUEUE: Final = Rule(
    id="aws-sqs-001",
    severity=Severity.MEDIUM,
    reference="AWS Security Hub SQS.1",
    refuses="a queue whose messages are stored unencrypted",
    fix="set sqsManagedSseEnabled to true, or name a key in kmsMasterKeyId",
)


def queues_are_encrypted(graph: ResourceGraph) -> Iterator[Hit]:
    """Each queue is encrypted, with a key of AWS or with one of yours."""
    for queue in graph.all(QUEUE):
        managed, key = (queue.inputs.get(k) for k in ("sqsManagedSseEnabled", "kmsMasterKeyId"))
        if managed is not True and not key:
            found = at(
                queue,
                "sqsManagedSseEnabled",
                "is missing" if managed is None else f"is {managed}",
                "its messages are stored unencrypted",
                "set it to true, or name a key in kmsMasterKeyId",
                ENCRYPTED_QUEUE.id,
            )
            yield replace(found, house=managed is None)


QUEUES: Final = Check(rules=(ENCRYPTED_QUEUE,), types=(QUEUE,), find=queues_are_encrypted)


REQUIRED: Final[tuple[Required, ...]] = (
    must(
        "aws-dynamodb-001",
        Severity.LOW,
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html",
        TABLE,
        "serverSideEncryption.enabled",
        (True,),
        "it is encrypted with a key that the account does not control",
        "set it to true",
    ),
    must(
        "aws-dynamodb-002",
        Severity.MEDIUM,
        "AWS Security Hub DynamoDB.2",
        TABLE,
        "pointInTimeRecovery.enabled",
        (True,),
        "items deleted by mistake cannot be restored",
        "set it to true",
    ),
    must(
        "aws-dynamodb-003",
        Severity.LOW,
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html",
        TABLE,
        "ttl.enabled",
        (True,),
        "expired items are never deleted",
        "set it to true",
        house=True,
    ),
    *(
        must(
            "aws-s3-001",
            Severity.HIGH,
            "AWS Security Hub S3.8",
            PRIVATE,
            key,
            (True,),
            "the bucket may become public",
            "set it to true",
        )
        for key in (
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
        )
    ),
    must(
        "aws-s3-002",
        Severity.MEDIUM,
        "AWS Security Hub S3.14",
        VERSIONS,
        "versioningConfiguration.status",
        ("Enabled",),
        "overwritten objects cannot be restored",
        "write Enabled",
    ),
    must(
        "aws-s3-003",
        Severity.HIGH,
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html",
        ENCRYPTION,
        "rules[*].applyServerSideEncryptionByDefault.sseAlgorithm",
        ("AES256", "aws:kms", "aws:kms:dsse"),
        "objects are not encrypted with the stated algorithm",
        "write AES256 or aws:kms",
    ),
    must(
        "aws-rds-001",
        Severity.HIGH,
        "AWS Security Hub RDS.3",
        DATABASE,
        "storageEncrypted",
        (True,),
        "data is stored unencrypted",
        "set it to true",
    ),
    must(
        "aws-rds-002",
        Severity.CRITICAL,
        "AWS Security Hub RDS.2",
        DATABASE,
        "publiclyAccessible",
        (False,),
        "the database gets an address on the internet",
        "set it to false",
        safe_default=True,
    ),
    must(
        "aws-rds-003",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",
        DATABASE,
        "manageMasterUserPassword",
        (True,),
        "a password would be chosen by hand and stored in the state",
        "set it to true, and leave password out",
        unless=REPLICA,
    ),
    must(
        "aws-rds-004",
        Severity.MEDIUM,
        "AWS Security Hub RDS.11",
        DATABASE,
        "backupRetentionPeriod",
        within(RDS_BACKUPS),
        "there is no backup, or AWS refuses the number",
        "1 to 35 days",
    ),
    must(
        "aws-rds-005",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",
        DATABASE,
        "skipFinalSnapshot",
        (False,),
        "a deleted database cannot be restored",
        "set it to false",
        safe_default=True,
        unless=REPLICA,
    ),
    must(
        "aws-rds-006",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
        PARAMETERS,
        "parameters",
        _forces_tls,
        "passwords and data may be sent unencrypted",
        "set rds.force_ssl to 1",
        house=True,
    ),
    must(
        "aws-elasticache-001",
        Severity.HIGH,
        "AWS Security Hub ElastiCache.5",
        CACHE,
        "transitEncryptionEnabled",
        (True,),
        "passwords and data are sent unencrypted",
        "set it to true",
    ),
    must(
        "aws-elasticache-002",
        Severity.HIGH,
        "AWS Security Hub ElastiCache.4",
        CACHE,
        "atRestEncryptionEnabled",
        (True,),
        "snapshots are unencrypted",
        "set it to true",
    ),
    must(
        "aws-elasticache-003",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html",
        CACHE,
        "userGroupIds[*]",
        named,
        "every client on the network could connect",
        "set the group of its users",
        house=True,
    ),
    Required(
        id="aws-elasticache-005",
        severity=Severity.HIGH,
        reference="https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html",
        on="aws:elasticache/user:User",
        path="noPasswordRequired",
        allowed=(False,),
        absent=True,
        consequence="everyone on the network could log in as this user",
        fix="leave it out, and set authenticationMode",
    ),
    Required(
        id="aws-s3-009",
        severity=Severity.MEDIUM,
        reference="AWS Security Hub S3.12",
        on="aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        path="rule.objectOwnership",
        allowed=("BucketOwnerEnforced",),
        consequence="access control lists of single objects may make them public",
        fix="write BucketOwnerEnforced",
    ),
    must(
        "aws-elasticache-004",
        Severity.MEDIUM,
        "AWS Security Hub ElastiCache.1",
        CACHE,
        "snapshotRetentionLimit",
        within(RDS_BACKUPS),
        "there is no backup, or AWS refuses the number",
        "1 to 35 days",
    ),
)
