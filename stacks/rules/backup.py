"""Rules for backups: a database that they can reach, schedules, and a Secret of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.kubernetes.schedule import schedule_problem

from ..config.stack import StackConfig
from ..data_kinds import kind_of
from ..services import topology
from ..topologies.topology import POSTGRES
from .rule import Rule, at


def backups_are_of_the_embedded_database(config: StackConfig) -> Iterator[Problem]:
    """There is an embedded PostgreSQL to back up."""
    if config.backup is None:
        return
    if POSTGRES not in topology(config).data:
        yield at(
            "backup",
            f"is set, and topology {config.topology} has no PostgreSQL",
            "there is nothing to back up",
            "remove the section backup, or choose a topology with a database",
        )
    elif (kind := kind_of(config, POSTGRES).name) != "embedded":
        yield at(
            "backup",
            f"is set, and data.kind is {kind}",
            "the jobs have no roles in that database",
            "remove the section backup, or set data.kind: embedded",
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
    if config.backup is None:
        return
    bucket = config.backup.bucket
    if not bucket.url.startswith("s3://"):
        yield at(
            "backup.bucket.url",
            f"is {bucket.url}, and backup.bucket.key is an access key",
            "only buckets with the API of S3 are opened with such a key",
            "write an s3:// URL; for Cloud Storage also endpoint: https://storage.googleapis.com, "
            "with an HMAC key",
        )


def the_key_has_a_secret_of_its_own(config: StackConfig) -> Iterator[Problem]:
    """The key of the bucket is in no Secret that other pods mount."""
    if config.backup is None:
        return
    names = config.secrets
    others = {
        "secrets.passwords": names.passwords,
        "secrets.tls": names.tls,
        "secrets.internalCa": names.internal_ca,
        "secrets.issuerKeys": names.issuer_keys,
        "secrets.userKeys": names.user_keys,
    }
    for path, name in others.items():
        if config.backup.bucket.key == name:
            yield at(
                "backup.bucket.key",
                f"is {name}, as {path}",
                "whoever replaces that Secret would replace the key of the backups",
                "name another Secret",
            )


BACKUP_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("backup", "data.kind", "topology"), backups_are_of_the_embedded_database),
    (("backup",), schedules_are_valid),
    (("backup",), an_endpoint_is_of_s3),
    (("backup", "secrets"), the_key_has_a_secret_of_its_own),
]
"""Each rule with what it reads."""
