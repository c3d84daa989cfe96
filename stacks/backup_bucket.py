"""The bucket for backups that a stack creates: its cloud, its region, and who may use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import pulumi

from components.kubernetes import database_backup, volume_backup
from components.kubernetes.cloud_identity import AzureIdentity, CloudIdentity
from components.kubernetes.pod import identity_name

from .backup import OwnBucket, backed_up_volumes, backs_up_database, makes_identities
from .cloud_providers import CloudProviders
from .config.backup import CreatedBucket
from .config.stack import StackConfig
from .data_kinds.cloudnative_pg import archives_to_created_bucket
from .services import topology
from .targets.aws_sections import Aws
from .targets.azure_sections import Azure
from .targets.gcp_sections import Gcp

if TYPE_CHECKING:
    from components.azure.backup_storage import AzureBackupStorage
    from components.mcp.backup_bucket import BackupBucket

NAME: Final = "backup-bucket"
RETENTION_DAYS: Final = {"dev": 7}
"""By environment; S3's short class. All others have its long one."""
LONG_RETENTION_DAYS: Final = 30


class BucketUsers(NamedTuple):
    """The jobs that use the bucket, and whose identities they have.

    Attributes:
        writers: names of the jobs that write.
        readers: names of the jobs that read.
    """

    writers: list[str]
    readers: list[str]


def bucket_users(config: StackConfig) -> BucketUsers:
    """The jobs that use the bucket for backups."""
    backup = config.backup
    users = BucketUsers([], [])
    if backup is None:
        return users
    jobs = (
        (backs_up_database(config, topology(config)), database_backup),
        (bool(backed_up_volumes(config)), volume_backup),
    )
    for used, module in jobs:
        if used:
            users.writers.append(module.BACKUP)
            if backup.drill is not None:
                users.readers.append(module.DRILL)
    return users


def created_bucket(
    config: StackConfig, providers: CloudProviders, tags: Mapping[str, str]
) -> OwnBucket | None:
    """Registers the bucket; None where the stack creates none."""
    wanted = config.backup.bucket.create if config.backup else None
    if wanted is None:
        return None
    build = _BUILDERS[wanted.cloud]
    options = pulumi.ResourceOptions(providers=[providers.cloud(wanted.cloud)])
    component, args = build(config, wanted, tags)
    made = component(NAME, args, options)
    return OwnBucket(url=made.backup_location, identities=_made_identities(config, made))


def _made_identities(config: StackConfig, made: BackupBucket[Any]) -> dict[str, CloudIdentity]:
    """The identities that were made with the bucket, by job."""
    where = config.clouds.of("azure")
    if not makes_identities(config) or not isinstance(where, Azure):
        return {}
    storage = cast("AzureBackupStorage", made)
    users = bucket_users(config)
    ids = {
        **dict.fromkeys(users.writers, storage.client_id),
        **dict.fromkeys(users.readers, storage.reader_client_id),
    }
    return {
        job: CloudIdentity(azure=AzureIdentity(client_id=id_, tenant_id=where.tenant))
        for job, id_ in ids.items()
    }


def bucket_args(config: StackConfig, wanted: CreatedBucket) -> Any:
    """The args of its component, to be checked."""
    return _BUILDERS[wanted.cloud](config, wanted, {})[1]


def _common(config: StackConfig, wanted: CreatedBucket) -> dict[str, Any]:
    usual = RETENTION_DAYS.get(config.environment, LONG_RETENTION_DAYS)
    return {
        "retention_days": wanted.retention_days or usual,
        "lock_days": wanted.lock_days,
        "protect": config.data.protect or config.environment == "prod",
    }


def _identities(config: StackConfig, jobs: list[str], cloud: str, field: str) -> list[str]:
    """The identities of jobs, and with the writers that of a database which archives."""
    found = [getattr(config.kubernetes.identities.get(job), cloud, None) for job in jobs]
    return [getattr(each, field) for each in found if each is not None]


def _writers(config: StackConfig, cloud: str, field: str) -> list[str]:
    found = _identities(config, bucket_users(config).writers, cloud, field)
    section = config.data.cloudnative_pg
    if archives_to_created_bucket(config) and section and section.backup:
        found.append(section.backup.identity)
    return found


Built = tuple[Callable[..., "BackupBucket[Any]"], Any]


def _aws(config: StackConfig, wanted: CreatedBucket, _tags: Mapping[str, str]) -> Built:
    from components.aws.backup_bucket import AwsBackupBucket, AwsBackupBucketArgs
    from components.aws.location import AwsLocation

    where = config.clouds.of("aws")
    assert isinstance(where, Aws)  # created_buckets_can_be_made
    writer, *further = _writers(config, "aws", "role")
    return AwsBackupBucket, AwsBackupBucketArgs(
        location=AwsLocation(account=where.account, region=wanted.region),
        data_region=where.region,
        writer=writer,
        further_writers=further,
        readers=_identities(config, bucket_users(config).readers, "aws", "role"),
        **_common(config, wanted),
    )


def _gcp(config: StackConfig, wanted: CreatedBucket, _tags: Mapping[str, str]) -> Built:
    from components.gcp.backup_bucket import GcpBackupBucket, GcpBackupBucketArgs
    from components.gcp.location import GcpLocation

    where = config.clouds.of("gcp")
    assert isinstance(where, Gcp)  # created_buckets_can_be_made
    writer, *further = _writers(config, "gcp", "service_account")
    return GcpBackupBucket, GcpBackupBucketArgs(
        location=GcpLocation(project=where.project, region=wanted.region),
        data_region=where.region,
        writer=writer,
        further_writers=further,
        readers=_identities(config, bucket_users(config).readers, "gcp", "service_account"),
        overwrites=archives_to_created_bucket(config),
        **_common(config, wanted),
    )


def _azure(config: StackConfig, wanted: CreatedBucket, tags: Mapping[str, str]) -> Built:
    from components.azure.backup_storage import (
        AzureBackupStorage,
        AzureBackupStorageArgs,
        AzureWorkloadIdentity,
    )
    from components.azure.location import AzureLocation

    where = config.clouds.of("azure")
    assert isinstance(where, Azure)  # created_buckets_can_be_made
    assert wanted.issuer is not None  # _of_azure
    issuer, users = wanted.issuer, bucket_users(config)

    def trusted(jobs: list[str]) -> list[AzureWorkloadIdentity]:
        return [
            AzureWorkloadIdentity(
                issuer=issuer, namespace=config.namespace, service_account=identity_name(job)
            )
            for job in jobs
        ]

    return AzureBackupStorage, AzureBackupStorageArgs(
        location=AzureLocation(
            subscription=where.subscription,
            tenant=where.tenant,
            region=wanted.region,
            tags=tags,
        ),
        data_region=where.location,
        further_writers=trusted(users.writers),
        readers=trusted(users.readers),
        **_common(config, wanted),
    )


_BUILDERS: Final[dict[str, Callable[[StackConfig, CreatedBucket, Mapping[str, str]], Built]]] = {
    "aws": _aws,
    "gcp": _gcp,
    "azure": _azure,
}
