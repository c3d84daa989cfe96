"""Rules for backups: something to back up, schedules, and a Secret of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from components.base.problems import Problem, nearest
from components.kubernetes.schedule import schedule_problem

from ..backup import backed_up_volumes, backs_up_database, buckets
from ..config.backup import BackupBucket, NamedBucket
from ..config.stack import StackConfig
from ..data_kinds.cloudnative_pg import archives_to_created_bucket
from ..services import topology
from ..topologies.topology import POSTGRES
from .rule import Rule, at


def there_is_something_to_back_up(config: StackConfig) -> Iterator[Problem]:
    """There is an embedded PostgreSQL or a volume to back up."""
    chosen = topology(config)
    if config.backup is None or backs_up_database(config, chosen) or backed_up_volumes(config):
        return
    if config.backup.bucket.create is not None and archives_to_created_bucket(config):
        return
    if POSTGRES in chosen.data:
        found = f"data.kind is {config.data.kind}, whose backups are its own"
    else:
        found = f"topology {config.topology} has no PostgreSQL"
    yield at(
        "backup",
        f"is set, {found}, and no volume is backed up",
        "there is nothing to back up",
        "remove the section backup, set data.kind: embedded in a topology with a database, or add "
        "a volume to data.volumes",
    )


def volumes_are_there(config: StackConfig) -> Iterator[Problem]:
    """Volumes with backups are in data.volumes, once."""
    if config.backup is None or config.backup.volumes is None:
        return
    known = [*config.data.volumes]
    for index, name in enumerate(config.backup.volumes):
        path = f"backup.volumes[{index}]"
        if name not in known:
            guess = nearest(name, known)
            yield at(
                path,
                f"{name} is not in data.volumes",
                "the job would wait for a claim that nothing creates",
                f"write {guess}" if guess else f"add {name} to data.volumes, or leave it out",
            )
        elif name in config.backup.volumes[:index]:
            yield at(
                path, f"{name} is there twice", "it is backed up once", "leave one of the two out"
            )


def schedules_are_valid(config: StackConfig) -> Iterator[Problem]:
    """Kubernetes reads both schedules."""
    if config.backup is None:
        return
    for field in ("schedule", "drill"):
        written = getattr(config.backup, field)
        if written is not None and (what := schedule_problem(written)):
            yield at(
                f"backup.{field}",
                f"{written!r}: {what}",
                "the API server refuses the CronJob",
                "write five fields, such as 0 2 * * *, or a macro such as @daily",
            )


def an_endpoint_is_of_s3(config: StackConfig) -> Iterator[Problem]:
    """An endpoint is set for a bucket with the API of S3 only, which a key opens."""
    for path, bucket in buckets(config).items():
        if bucket.url is None or bucket.url.startswith("s3://"):
            continue
        if bucket.endpoint is not None and bucket.key is None:
            yield at(
                f"{path}.endpoint",
                f"is set, and url is {bucket.url}",
                "it is the endpoint of a service with the API of S3 and would have no effect",
                "write an s3:// URL, or remove endpoint",
            )
        if bucket.key is not None:
            yield at(
                f"{path}.url",
                f"is {bucket.url}, and {path}.key is an access key",
                "only buckets with the API of S3 are opened with such a key",
                "write an s3:// URL; for Cloud Storage also "
                "endpoint: https://storage.googleapis.com, with an HMAC key",
            )


def the_key_has_a_secret_of_its_own(config: StackConfig) -> Iterator[Problem]:
    """The key of a bucket is in no Secret that other pods mount."""
    names = config.secrets
    others = {
        "secrets.passwords": names.passwords,
        "secrets.tls": names.tls,
        "secrets.internalCa": names.internal_ca,
        "secrets.issuerKeys": names.issuer_keys,
        "secrets.userKeys": names.user_keys,
    }
    for bucket_path, bucket in buckets(config).items():
        for path, name in others.items():
            if bucket.key == name:
                yield at(
                    f"{bucket_path}.key",
                    f"is {name}, as {path}",
                    "whoever replaces that Secret would replace the key of the bucket",
                    "name another Secret",
                )


def exports_outlive_backups(config: StackConfig) -> Iterator[Problem]:
    """Months of the audit log are in another bucket than backups, whose lifecycle deletes them."""
    found = buckets(config)
    if len(found) == 2 and len({_bucket_of(bucket) for bucket in found.values()}) == 1:
        yield at(
            "audit.bucket.url",
            "names the bucket of backup.bucket.url",
            "backups are deleted by age, and the only copies of old months with them",
            "name another bucket, with a retention of years",
        )


def _bucket_of(bucket: BackupBucket | NamedBucket) -> tuple[str | None, str]:
    return bucket.endpoint, urlsplit(bucket.url or "").netloc


BACKUP_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("backup", "data", "topology"), there_is_something_to_back_up),
    (("backup", "data"), volumes_are_there),
    (("backup",), schedules_are_valid),
    (("backup", "audit"), an_endpoint_is_of_s3),
    (("backup", "audit", "secrets"), the_key_has_a_secret_of_its_own),
    (("backup", "audit"), exports_outlive_backups),
]
"""Each rule with what it reads."""
