"""What the section `backup` adds to a stack: jobs, their flows, and the keys that they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import pulumi

from components.kubernetes.database_backup import (
    BACKUP,
    DRILL,
    PASSWORDS,
    BackupStorage,
    DatabaseBackupArgs,
)
from components.kubernetes.party import Flow, Outside

from .config.stack import StackConfig
from .pod_settings import pod_settings
from .topologies.topology import POSTGRES, STORES, Topology

BUCKET = "backup-bucket"
HTTPS = 443


def backup_jobs(config: StackConfig) -> list[str]:
    """Names of the jobs of backups."""
    if config.backup is None:
        return []
    return [BACKUP, *([DRILL] if config.backup.drill else [])]


def with_backups(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the jobs of backups and their flows."""
    if config.backup is None:
        return topology
    endpoint = urlsplit(config.backup.bucket.endpoint or "")
    flows = [
        flow
        for job in backup_jobs(config)
        for flow in (
            Flow(source=job, target=POSTGRES, port=STORES[POSTGRES], why="dump and restore"),
            Flow(source=job, target=BUCKET, port=endpoint.port or HTTPS, why="backups"),
        )
    ]
    return replace(
        topology,
        scheduled=[*topology.scheduled, *backup_jobs(config)],
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
    namespace: pulumi.Input[str],
    host: pulumi.Input[str],
    after: Sequence[pulumi.Resource] = (),
) -> DatabaseBackupArgs | None:
    """The args of the jobs; None without backups."""
    backup = config.backup
    if backup is None or not config.images.postgres:
        return None
    bucket = backup.bucket
    return DatabaseBackupArgs(
        namespace=namespace,
        stack=config.namespace,
        server_image=config.images.server,
        postgres_image=config.images.postgres,
        host=host,
        storage=BackupStorage(
            url=bucket.url, endpoint=bucket.endpoint, region=bucket.region, key_secret=bucket.key
        ),
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
