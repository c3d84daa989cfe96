"""Required settings of databases, caches, tables, queues and buckets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from components.aws.limits import RDS_BACKUPS
from components.base.problems import Problem
from graph.resource_graph import ResourceGraph

from ...rule import Required, at
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


def _forces_tls(parameters: Any) -> bool:
    return {"name": "rds.force_ssl", "value": "1"} in parameters


def queues_are_encrypted(graph: ResourceGraph) -> Iterator[Problem]:
    """Each queue is encrypted, with a key of AWS or with one of yours."""
    for queue in graph.all(QUEUE):
        managed, key = (queue.inputs.get(k) for k in ("sqsManagedSseEnabled", "kmsMasterKeyId"))
        if managed is not True and not key:
            yield at(
                queue,
                "sqsManagedSseEnabled",
                "is missing" if managed is None else f"is {managed}",
                "its messages are stored unencrypted",
                "set it to true, or name a key in kmsMasterKeyId",
            )


REQUIRED: Final[tuple[Required, ...]] = (
    must(
        TABLE,
        "serverSideEncryption.enabled",
        (True,),
        "it is encrypted with a key that the account does not control",
        "set it to true",
    ),
    must(
        TABLE,
        "pointInTimeRecovery.enabled",
        (True,),
        "items deleted by mistake cannot be restored",
        "set it to true",
    ),
    must(TABLE, "ttl.enabled", (True,), "expired items are never deleted", "set it to true"),
    *(
        must(PRIVATE, key, (True,), "the bucket may become public", "set it to true")
        for key in (
            "blockPublicAcls",
            "blockPublicPolicy",
            "ignorePublicAcls",
            "restrictPublicBuckets",
        )
    ),
    must(
        VERSIONS,
        "versioningConfiguration.status",
        ("Enabled",),
        "overwritten objects cannot be restored",
        "write Enabled",
    ),
    must(
        ENCRYPTION,
        "rules[*].applyServerSideEncryptionByDefault.sseAlgorithm",
        ("AES256", "aws:kms"),
        "objects are not encrypted with the stated algorithm",
        "write AES256 or aws:kms",
    ),
    must(DATABASE, "storageEncrypted", (True,), "data is stored unencrypted", "set it to true"),
    must(
        DATABASE,
        "publiclyAccessible",
        (False,),
        "the database gets an address on the internet",
        "set it to false",
    ),
    must(
        DATABASE,
        "manageMasterUserPassword",
        (True,),
        "a password would be chosen by hand and stored in the state",
        "set it to true, and leave password out",
    ),
    must(
        DATABASE,
        "backupRetentionPeriod",
        within(RDS_BACKUPS),
        "there is no backup, or AWS refuses the number",
        "1 to 35 days",
    ),
    must(
        DATABASE,
        "skipFinalSnapshot",
        (False,),
        "a deleted database cannot be restored",
        "set it to false",
    ),
    must(
        PARAMETERS,
        "parameters",
        _forces_tls,
        "passwords and data may be sent unencrypted",
        "set rds.force_ssl to 1",
    ),
    must(
        CACHE,
        "transitEncryptionEnabled",
        (True,),
        "passwords and data are sent unencrypted",
        "set it to true",
    ),
    must(CACHE, "atRestEncryptionEnabled", (True,), "snapshots are unencrypted", "set it to true"),
    must(
        CACHE,
        "userGroupIds[*]",
        named,
        "every client on the network could connect",
        "set the group of its users",
    ),
    must(
        CACHE,
        "snapshotRetentionLimit",
        within(RDS_BACKUPS),
        "there is no backup, or AWS refuses the number",
        "1 to 35 days",
    ),
)
