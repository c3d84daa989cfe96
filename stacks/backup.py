"""What the section `backup` adds to a stack: jobs, their flows, and the keys that they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import pulumi

from components.kubernetes import volume_backup
from components.kubernetes.backup_storage import BackupStorage
from components.kubernetes.cloud_identity import CloudIdentity
from components.kubernetes.database_backup import BACKUP, DRILL, PASSWORDS, DatabaseBackupArgs
from components.kubernetes.party import Flow, Outside
from components.kubernetes.pod_settings import PodSettings
from components.kubernetes.volume_backup import ResultsDatabase, VolumeBackupArgs

from .config.backup import BackupBucket, NamedBucket
from .config.stack import StackConfig
from .identities import TOKEN_SERVICE
from .pod_settings import pod_settings
from .topologies.topology import POSTGRES, STORES, Topology

BUCKET = "backup-bucket"
HTTPS = 443
MANIFESTS = "stack-manifests"
"""ConfigMap with the Kubernetes objects of the stack, which one of the jobs backs up."""
BUCKET_LATER = "s3://created-by-the-stack"
"""In the place of the URL of a bucket that the stack creates, until it is known."""


@dataclass(frozen=True, kw_only=True)
class OwnBucket:
    """The bucket that the stack creates.

    Attributes:
        url: of the bucket.
        identities: those of the jobs that the stack has made with it, by the job's name.
    """

    url: pulumi.Input[str]
    identities: Mapping[str, CloudIdentity] = field(default_factory=dict[str, CloudIdentity])


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


def recorded_volumes(config: StackConfig, topology: Topology) -> list[str]:
    """Volumes whose backups are recorded for metrics: in the embedded database, if it has roles."""
    return backed_up_volumes(config) if backs_up_database(config, topology) else []


def backs_up_manifests(config: StackConfig, topology: Topology) -> bool:
    """Whether there is a job that backs up the Kubernetes objects of the stack."""
    return backs_up_database(config, topology) or bool(backed_up_volumes(config))


def with_backups(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the jobs of backups and their flows."""
    if config.backup is None:
        return topology
    port = bucket_port(config.backup.bucket)
    of_database = backup_jobs(config) if backs_up_database(config, topology) else []
    of_volumes = volume_jobs(config)
    jobs = [*of_database, *of_volumes]
    why = dict.fromkeys(of_database, "dump and restore")
    if recorded_volumes(config, topology):
        why |= dict.fromkeys(of_volumes, "results for metrics")
    flows = [
        *(
            Flow(source=job, target=POSTGRES, port=STORES[POSTGRES], why=reason)
            for job, reason in why.items()
        ),
        *(Flow(source=job, target=BUCKET, port=port, why="backups") for job in jobs),
    ]
    if makes_identities(config):
        flows += [
            Flow(source=job, target=TOKEN_SERVICE, port=HTTPS, why="tokens of its identity")
            for job in jobs
        ]
    return replace(
        topology,
        scheduled=[*topology.scheduled, *jobs],
        flows=[*topology.flows, *flows],
    )


def makes_identities(config: StackConfig) -> bool:
    """Whether the stack makes the identities of the jobs, with its bucket on Azure."""
    created = config.backup.bucket.create if config.backup else None
    return created is not None and created.cloud == "azure"


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
    *,
    bucket: OwnBucket | None = None,
) -> DatabaseBackupArgs | None:
    """The args of the database's jobs; None without them. ``bucket``: that of the stack."""
    backup = config.backup
    if backup is None or not backs_up_database(config, topology) or not config.images.postgres:
        return None
    return DatabaseBackupArgs(
        namespace=namespace,
        stack=config.namespace,
        server_image=config.images.server,
        postgres_image=config.images.postgres,
        host=host,
        storage=storage_of(backup.bucket, bucket),
        passwords_secret=config.secrets.passwords,
        authority_secret=config.secrets.internal_ca,
        schedule=backup.schedule,
        drill=backup.drill,
        max_age_minutes=backup.recovery_point_minutes,
        size=backup.size,
        manifests=MANIFESTS,
        pods=_pods(config, BACKUP, bucket),
        drill_pods=_pods(config, DRILL, bucket),
        after=after,
    )


def volume_backup_args(
    config: StackConfig,
    topology: Topology,
    namespace: pulumi.Input[str],
    host: pulumi.Input[str],
    after: Sequence[pulumi.Resource] = (),
    *,
    bucket: OwnBucket | None = None,
) -> VolumeBackupArgs | None:
    """The args of the volumes' jobs; None without them.

    ``host``: of the database, where there is one; ``bucket``: that of the stack.
    """
    results = None
    if recorded_volumes(config, topology):
        results = ResultsDatabase(
            host=host,
            passwords_secret=config.secrets.passwords,
            authority_secret=config.secrets.internal_ca,
        )
    backup, volumes = config.backup, backed_up_volumes(config)
    if backup is None or not volumes:
        return None
    return VolumeBackupArgs(
        namespace=namespace,
        stack=config.namespace,
        server_image=config.images.server,
        storage=storage_of(backup.bucket, bucket),
        volumes=volumes,
        schedule=backup.schedule,
        drill=backup.drill,
        max_age_minutes=backup.recovery_point_minutes,
        manifests=None if backs_up_database(config, topology) else MANIFESTS,
        results=results,
        pods=_pods(config, volume_backup.BACKUP, bucket),
        drill_pods=_pods(config, volume_backup.DRILL, bucket),
        after=after,
    )


def buckets(config: StackConfig) -> dict[str, BackupBucket | NamedBucket]:
    """The buckets that jobs of the stack write to, by their paths in the stack file."""
    found: dict[str, BackupBucket | NamedBucket] = {}
    if config.backup is not None:
        found["backup.bucket"] = config.backup.bucket
    if config.audit.enabled and config.audit.bucket is not None:
        found["audit.bucket"] = config.audit.bucket
    return found


def bucket_port(bucket: BackupBucket | NamedBucket) -> int:
    """The port at which the bucket's service answers."""
    return urlsplit(bucket.endpoint or "").port or HTTPS


def _pods(config: StackConfig, job: str, bucket: OwnBucket | None) -> PodSettings:
    settings = pod_settings(config, job)
    identity = bucket.identities.get(job) if bucket else None
    return replace(settings, identity=identity) if identity else settings


def storage_of(
    section: BackupBucket | NamedBucket, created: OwnBucket | None = None
) -> BackupStorage:
    """A bucket as components take it; ``created``: that of the stack."""
    if isinstance(section, BackupBucket) and (wanted := section.create) is not None:
        region = wanted.region if wanted.cloud == "aws" else None
        return BackupStorage(url=created.url if created else BUCKET_LATER, region=region)
    assert section.url is not None  # a_bucket_is_named_or_created
    return BackupStorage(
        url=section.url,
        endpoint=section.endpoint,
        region=section.region,
        key_secret=section.key,
    )


def archive_url(config: StackConfig, bucket: OwnBucket | None) -> pulumi.Input[str] | None:
    """Where a database in the cluster archives in the bucket that the stack creates."""
    if bucket is None:
        return None
    return pulumi.Output.concat(bucket.url, "/", config.namespace, "/postgres")
