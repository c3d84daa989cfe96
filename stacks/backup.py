"""What the section `backup` adds to a stack: jobs, their flows, and the keys that they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import pulumi

from components.kubernetes import volume_backup
from components.kubernetes.backup_storage import BackupStorage
from components.kubernetes.database_backup import BACKUP, DRILL, PASSWORDS, DatabaseBackupArgs
from components.kubernetes.party import Flow, Outside
from components.kubernetes.volume_backup import VolumeBackupArgs

from .config.backup import BackupBucket
from .config.stack import StackConfig
from .pod_settings import pod_settings
from .topologies.topology import POSTGRES, STORES, Topology

BUCKET = "backup-bucket"
HTTPS = 443


def backup_jobs(config: StackConfig) -> list[str]:
    """Names of the jobs that back the embedded database up."""
    return _with_drill(config, BACKUP, DRILL)


def volume_jobs(config: StackConfig) -> list[str]:
    """Names of the jobs that back volumes up."""
    if not backed_up_volumes(config):
        return []
    return _with_drill(config, volume_backup.BACKUP, volume_backup.DRILL)


def _with_drill(config: StackConfig, backup: str, drill: str) -> list[str]:
    if config.backup is None:
        return []
    return [backup, *([drill] if config.backup.drill else [])]


def backed_up_volumes(config: StackConfig) -> list[str]:
    """Names of the volumes of ``data.volumes`` that are backed up."""
    if config.backup is None:
        return []
    chosen = config.backup.volumes
    return [*config.data.volumes] if chosen is None else chosen


def backs_up_database(config: StackConfig, topology: Topology) -> bool:
    """Whether there is an embedded PostgreSQL with backups."""
    return config.backup is not None and POSTGRES in topology.stores_in_pods


def with_backups(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the jobs of backups and their flows."""
    if config.backup is None:
        return topology
    port = bucket_port(config.backup.bucket)
    of_database = backup_jobs(config) if backs_up_database(config, topology) else []
    jobs = [*of_database, *volume_jobs(config)]
    flows = [
        *(
            Flow(source=job, target=POSTGRES, port=STORES[POSTGRES], why="dump and restore")
            for job in of_database
        ),
        *(Flow(source=job, target=BUCKET, port=port, why="backups") for job in jobs),
    ]
    return replace(
        topology,
        scheduled=[*topology.scheduled, *jobs],
        flows=[*topology.flows, *flows],
    )


def backup_parties(config: StackConfig) -> list[Outside]:
    """Where the bucket is."""
    if config.backup is None:
        return []
    return [Outside(name=BUCKET, cidrs=config.backup.bucket.networks)]


def backup_passwords(config: StackConfig) -> list[str]:
    """Keys of the passwords of the database's roles for backups."""
    return list(PASSWORDS.values()) if config.backup is not None else []


def backup_args(
    config: StackConfig,
    topology: Topology,
    namespace: pulumi.Input[str],
    host: pulumi.Input[str],
    after: Sequence[pulumi.Resource] = (),
) -> DatabaseBackupArgs | None:
    """The args of the database's jobs; None without them."""
    backup = config.backup
    if backup is None or not backs_up_database(config, topology) or not config.images.postgres:
        return None
    return DatabaseBackupArgs(
        namespace=namespace,
        stack=config.namespace,
        server_image=config.images.server,
        postgres_image=config.images.postgres,
        host=host,
        storage=storage_of(backup.bucket),
        passwords_secret=config.secrets.passwords,
        authority_secret=config.secrets.internal_ca,
        schedule=backup.schedule,
        drill=backup.drill,
        max_age_minutes=backup.recovery_point_minutes,
        size=backup.size,
        pods=pod_settings(config, BACKUP),
        drill_pods=pod_settings(config, DRILL),
        after=after,
    )


def volume_backup_args(
    config: StackConfig, namespace: pulumi.Input[str], after: Sequence[pulumi.Resource] = ()
) -> VolumeBackupArgs | None:
    """The args of the volumes' jobs; None without them."""
    backup, volumes = config.backup, backed_up_volumes(config)
    if backup is None or not volumes:
        return None
    return VolumeBackupArgs(
        namespace=namespace,
        stack=config.namespace,
        server_image=config.images.server,
        storage=storage_of(backup.bucket),
        volumes=volumes,
        schedule=backup.schedule,
        drill=backup.drill,
        max_age_minutes=backup.recovery_point_minutes,
        pods=pod_settings(config, volume_backup.BACKUP),
        drill_pods=pod_settings(config, volume_backup.DRILL),
        after=after,
    )


def buckets(config: StackConfig) -> dict[str, BackupBucket]:
    """The buckets that jobs of the stack write to, by their paths in the stack file."""
    found: dict[str, BackupBucket] = {}
    if config.backup is not None:
        found["backup.bucket"] = config.backup.bucket
    if config.audit.enabled and config.audit.bucket is not None:
        found["audit.bucket"] = config.audit.bucket
    return found


def bucket_port(bucket: BackupBucket) -> int:
    """The port at which the bucket's service answers."""
    return urlsplit(bucket.endpoint or "").port or HTTPS


def storage_of(bucket: BackupBucket) -> BackupStorage:
    """A bucket as components take it."""
    return BackupStorage(
        url=bucket.url, endpoint=bucket.endpoint, region=bucket.region, key_secret=bucket.key
    )
