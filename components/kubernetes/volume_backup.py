"""Scheduled backups of volumes to a bucket, and a drill that reads the newest ones back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pulumi

from ..base.arg_types import DatabaseName, Host, Line, ObjectName, SecretName
from ..base.inputs import applied
from ..base.problems import Problem
from .backup_jobs import BackupJob, BackupJobs, BackupJobsArgs, job_toml, main_container
from .backup_roles import BACKUP_ROLE, RESTORE_ROLE, database_files, database_section
from .container import Container

BACKUP: Final = "volume-backup"
DRILL: Final = "volume-restore-drill"
VOLUMES: Final = "/volumes"


@dataclass(frozen=True, kw_only=True)
class ResultsDatabase:
    """The database in which the results of backups and drills of volumes are recorded.

    Attributes:
        host: of the database, which has been migrated, and has the roles of ``DatabaseBackup``.
        passwords_secret: Secret with ``backup-password`` and ``restore-password``.
        authority_secret: Secret with ``ca.crt``, the CA of the database's certificate.
        database: name of the database.
        owner: the role that owns it. The jobs log in as ``<owner>_backup`` and ``<owner>_restore``.
    """

    host: pulumi.Input[Host]
    passwords_secret: SecretName
    authority_secret: SecretName
    database: DatabaseName = "qudag_mcp"
    owner: DatabaseName = "qudag"


@dataclass(frozen=True, kw_only=True)
class VolumeBackupArgs(BackupJobsArgs):
    """Args of the backups of volumes.

    Attributes:
        namespace: where the jobs run, and the claims are.
        stack: name of the platform; its backups are in a folder of this name.
        server_image: image of the reference server, which reads the volumes and writes the bucket.
        storage: see BackupStorage.
        volumes: names of the claims, whose volumes many nodes can mount (ReadWriteMany).
        schedule: of the backups, in UTC.
        drill: schedule of the drill; None: no drill, and no restore from its template.
        max_age_minutes: the drill fails if a newest backup is older.
        deadline: seconds that a backup or a drill of all volumes may take.
        pods, drill_pods: settings of the pods of each job.
        manifests: ConfigMap with ``manifests.yaml.gz``, the Kubernetes objects of the stack, which
            the backup stores as well; None: it stores none.
        results: database in which results are recorded, so that servers export them as metrics;
            None: they are in the logs alone.
        after: resources that must exist first, such as the claims.
    """

    volumes: Sequence[ObjectName]
    schedule: Line = "0 3 * * *"
    drill: Line | None = "0 5 * * 0"
    results: ResultsDatabase | None = None

    def refusals(self) -> list[Problem]:
        """A problem if there is no volume."""
        if self.volumes:
            return []
        return [
            Problem(
                "volumes",
                "is an empty list",
                "the jobs would have nothing to back up",
                "name a claim",
            )
        ]


class VolumeBackup(BackupJobs[VolumeBackupArgs]):
    """Two CronJobs: one copies volumes to a bucket, one reads the newest copies back and compares.

    Attributes:
        location: URL of the folder with the backups.
    """

    args_type = VolumeBackupArgs
    folder = "volumes"
    jobs = (
        BackupJob(name=BACKUP, command=("backup-volumes",), role=BACKUP_ROLE, drill=False),
        BackupJob(name=DRILL, command=("restore-volume", "--drill"), role=RESTORE_ROLE, drill=True),
    )

    @classmethod
    def containers(cls, args: VolumeBackupArgs, job: BackupJob) -> list[Container]:
        """The program alone. Its drill reads the bucket; a restore mounts the volume it is for."""
        paths = {volume: f"{VOLUMES}/{volume}" for volume in args.volumes}
        results = args.results

        def toml(url: str, host: str) -> str:
            sections: dict[str, Mapping[str, Any]] = {"volumes": paths}
            if results:
                sections["database"] = database_section(
                    job.role, host=host, name=results.database, owner=results.owner
                )
            return job_toml(args, job, url, sections=sections)

        secrets = (
            database_files(job.role, results.passwords_secret, results.authority_secret)
            if results
            else []
        )
        main = main_container(
            args,
            job,
            file="volumes.toml",
            content=applied(toml, args.storage.url, results.host if results else ""),
            secrets=secrets,
        )
        return [main if job.drill else replace(main, read_only_volumes=paths)]
