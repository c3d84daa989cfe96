"""Rules for the bucket of backups: a URL or one that is created, and credentials for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.aws import forms as aws
from components.azure import forms as azure
from components.base.arguments import camel
from components.base.problems import Problem
from components.gcp import forms as gcp

from ..backup_bucket import bucket_args, bucket_users
from ..config.backup import CreatedBucket
from ..config.stack import StackConfig
from ..data_kinds.cloudnative_pg import archives_to_created_bucket
from .rule import Rule, at, path_of

REGIONS: Final = {"aws": aws.REGION, "gcp": gcp.REGION, "azure": azure.LOCATION}


def a_bucket_is_named_or_created(config: StackConfig) -> Iterator[Problem]:
    """The bucket has a URL or is created, and what is set belongs to it."""
    if config.backup is None:
        return
    bucket = config.backup.bucket
    if bucket.url is None and bucket.create is None:
        yield at(
            "backup.bucket.url",
            "is missing, and create as well",
            "it is not known where to store backups",
            "write an s3:// or gs:// URL or that of a container of Azure, or set create",
        )
    if bucket.create is None:
        return
    for field in ("url", "endpoint", "region", "key"):
        if getattr(bucket, field) is not None:
            yield at(
                f"backup.bucket.{field}",
                "is set, and create as well",
                "the stack creates the bucket: it would have no effect",
                "leave one of the two out",
            )


def created_buckets_can_be_made(config: StackConfig) -> Iterator[Problem]:
    """The cloud has a place, the jobs have identities there, and the cloud takes the settings."""
    wanted = config.backup.bucket.create if config.backup else None
    if wanted is None:
        return
    path, cloud = "backup.bucket.create", wanted.cloud
    if config.clouds.of(cloud) is None:
        yield at(
            f"clouds.{cloud}",
            f"is missing, and {path}.cloud is {cloud}",
            "it is not known in which account to create the bucket",
            "set it, or name a bucket in backup.bucket.url",
        )
        return
    problems = [*_of_azure(config, wanted)]
    if cloud != "azure":
        problems += [*_without_identity(config, cloud), *_archive(config, cloud)]
    yield from problems
    region = REGIONS[cloud].problem(f"{path}.region", wanted.region)
    if region is not None:
        yield at(region.path, region.what, region.consequence, region.fix)
    elif not problems:
        for problem in bucket_args(config, wanted).refusals():
            field = camel(problem.path.removeprefix("location."))
            fix = problem.fix.replace("lock_days", "lockDays")
            what = problem.what.replace("retention_days", "retentionDays")
            yield at(f"{path}.{field}", what, problem.consequence, fix)


def _of_azure(config: StackConfig, wanted: CreatedBucket) -> Iterator[Problem]:
    """What only Azure needs, where the stack makes the identities with the bucket."""
    path = "backup.bucket.create.issuer"
    if wanted.cloud != "azure":
        if wanted.issuer is not None:
            yield at(
                path,
                f"is set, and cloud is {wanted.cloud}",
                "there the rights follow from kubernetes.identities: it would have no effect",
                "leave it out",
            )
        return
    if wanted.issuer is None:
        yield at(
            path,
            "is missing, and cloud is azure",
            "the identity of the bucket would trust no job",
            "write the cluster's issuer: az aks show --query oidcIssuerProfile.issuerUrl",
        )
    users = bucket_users(config)
    for job in (*users.writers, *users.readers):
        if job in config.kubernetes.identities:
            yield at(
                path_of("kubernetes", "identities", job),
                "is set, and the stack makes its identity with the bucket",
                "it would have no effect",
                "leave it out",
            )
    if archives_to_created_bucket(config):
        yield at(
            "data.cloudnativePg.backup.url",
            "is missing, and backup.bucket.create.cloud is azure",
            "the identity of the database would have no rights in the bucket: no WAL file would "
            "be archived",
            "write the URL of another container, in which its identity has rights",
        )


def _archive(config: StackConfig, cloud: str) -> Iterator[Problem]:
    section = config.data.cloudnative_pg
    if not archives_to_created_bucket(config) or section is None or section.backup is None:
        return
    if section.backup.provider != cloud:
        yield at(
            "data.cloudnativePg.backup.provider",
            f"is {section.backup.provider}, and backup.bucket.create.cloud is {cloud}",
            "no WAL file would be archived: the disks fill up until the database stops",
            f"write {cloud}, or the URL of another bucket in data.cloudnativePg.backup.url",
        )


def jobs_have_credentials(config: StackConfig) -> Iterator[Problem]:
    """Without a key of the bucket, each job has an identity of its cloud."""
    bucket = config.backup.bucket if config.backup else None
    if bucket is None or bucket.create is not None or bucket.url is None or bucket.key is not None:
        return
    schemes = {"s3": "aws", "gs": "gcp", "https": "azure"}
    yield from _without_identity(config, schemes[bucket.url.partition(":")[0]])


def _without_identity(config: StackConfig, cloud: str) -> Iterator[Problem]:
    users = bucket_users(config)
    for job in (*users.writers, *users.readers):
        identity = config.kubernetes.identities.get(job)
        if identity is None or getattr(identity, cloud) is None:
            yield at(
                path_of("kubernetes", "identities", job),
                f"has no identity of {cloud}" if identity else "is missing",
                "the job would have no credentials of the bucket: each run would fail",
                f"add {job}: {{{cloud}: …}}, or a bucket with backup.bucket.url and key",
            )


def archives_have_a_bucket(config: StackConfig) -> Iterator[Problem]:
    """A database that archives without a URL has the bucket that the stack creates."""
    created = config.backup is not None and config.backup.bucket.create is not None
    if config.data.kind == "cloudnative-pg" and archives_to_created_bucket(config) and not created:
        yield at(
            "data.cloudnativePg.backup.url",
            "is missing, and the stack creates no bucket",
            "no WAL file would be archived: the disks fill up until the database stops",
            "write the URL of a bucket, or set backup.bucket.create",
        )


BUCKET_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("backup",), a_bucket_is_named_or_created),
    (
        ("backup", "clouds", "kubernetes.identities", "data", "topology", "environment"),
        created_buckets_can_be_made,
    ),
    (("backup", "kubernetes.identities", "data", "topology"), jobs_have_credentials),
    (("backup", "data"), archives_have_a_bucket),
]
"""Each rule with what it reads."""
