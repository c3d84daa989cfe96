"""How long backups, logs and deleted secrets are kept."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import Required
from ..rows import at_least, rows

_KEPT: Final = (
    *((f"aws:{one}:Cluster", "backupRetentionPeriod") for one in ("rds/cluster", "docdb/cluster")),
    ("aws:neptune/cluster:Cluster", "backupRetentionPeriod"),
)

REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "aws-backup-001",
        Severity.MEDIUM,
        "AWS Security Hub RDS.11, ElastiCache.1, DocumentDB.2",
        "data that was lost a few days ago cannot be restored",
        "keep backups for 7 days or longer",
        _KEPT,
        at_least(7),
        absent=False,
    ),
    *rows(
        "aws-backup-001",
        Severity.MEDIUM,
        "AWS Security Hub RDS.11, ElastiCache.1, DocumentDB.2",
        "data that was lost a few days ago cannot be restored",
        "keep backups for 7 days or longer",
        (
            ("aws:rds/instance:Instance", "backupRetentionPeriod"),
            ("aws:elasticache/replicationGroup:ReplicationGroup", "snapshotRetentionLimit"),
            ("aws:redshift/cluster:Cluster", "automatedSnapshotRetentionPeriod"),
            ("aws:elasticache/serverlessCache:ServerlessCache", "snapshotRetentionLimit"),
            ("aws:dynamodb/table:Table", "pointInTimeRecovery.recoveryPeriodInDays"),
            ("aws:backup/plan:Plan", "rules[*].lifecycle.deleteAfter"),
        ),
        at_least(7),
    ),
    *rows(
        "aws-logs-002",
        Severity.MEDIUM,
        "AWS Security Hub CloudWatch.16",
        "events of the week before cannot be investigated",
        "keep logs for 7 days or longer",
        (("aws:cloudwatch/logGroup:LogGroup", "retentionInDays"),),
        lambda days: days == 0 or at_least(7)(days),
    ),
    *rows(
        "aws-secrets-001",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",
        "a secret that is deleted by mistake cannot be restored",
        "write 7 to 30",
        (("aws:secretsmanager/secret:Secret", "recoveryWindowInDays"),),
        at_least(7),
    ),
)
