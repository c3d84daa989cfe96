"""Scheduled backups of a PostgreSQL to a bucket, and a drill that restores the newest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pulumi

from ..base.arg_types import ByteSize, DatabaseName, Host, Image, SecretName
from ..base.inputs import applied
from ..mcp.config_forms import CONFIG_PATH
from ..mcp.data_tier import POSTGRES
from .backup_jobs import BackupJob, BackupJobs, BackupJobsArgs, job_toml, main_container
from .backup_roles import AUTHORITY, BACKUP_ROLE, RESTORE_ROLE, database_files, database_section
from .backup_storage import RESOURCES
from .container import Container, Files
from .templates import text

BACKUP: Final = "database-backup"
DRILL: Final = "restore-drill"
WORK: Final = "/work"
PASSWORDS: Final = {BACKUP: BACKUP_ROLE.password_key, DRILL: RESTORE_ROLE.password_key}
SCRIPTS: Final = {BACKUP: "backup-dump.sh", DRILL: "backup-restore.sh"}


@dataclass(frozen=True, kw_only=True)
class DatabaseBackupArgs(BackupJobsArgs):
    """Args of the backups of a database.

    Attributes:
        namespace: where the jobs run.
        stack: name of the platform; its backups are in a folder of this name.
        server_image: image of the reference server, which reads and writes the bucket.
        postgres_image: image with ``pg_dump`` and ``pg_restore``, of the database's version.
        host: of the database.
        storage: see BackupStorage.
        passwords_secret: Secret with ``backup-password`` and ``restore-password``.
        authority_secret: Secret with ``ca.crt``, the CA of the database's certificate.
        database: name of the database.
        owner: the role that owns it. The roles of the jobs are ``<owner>_backup``, which reads
            everything, and ``<owner>_restore``, which makes databases for the owner.
        schedule: of the backups, in UTC.
        drill: schedule of the restore drill; None: no drill.
        max_age_minutes: the drill fails if the newest backup is older.
        size: room for the dump of the database.
        deadline: seconds that a backup or a drill may take.
        pods, drill_pods: settings of the pods of each job.
        manifests: ConfigMap with ``manifests.yaml.gz``, the Kubernetes objects of the stack, which
            the backup stores as well; None: it stores none.
        after: resources that must exist first, such as the database.
    """

    postgres_image: pulumi.Input[Image]
    host: pulumi.Input[Host]
    passwords_secret: SecretName
    authority_secret: SecretName
    database: DatabaseName = "qudag_mcp"
    owner: DatabaseName = "qudag"
    size: ByteSize = "10Gi"


class DatabaseBackup(BackupJobs[DatabaseBackupArgs]):
    """Two CronJobs: one dumps the database to a bucket, one restores the newest dump and compares.

    Attributes:
        location: URL of the folder with the backups.
    """

    args_type = DatabaseBackupArgs
    folder = "database"
    jobs = (
        BackupJob(name=BACKUP, command=("backup",), role=BACKUP_ROLE, drill=False),
        BackupJob(name=DRILL, command=("restore", "--drill"), role=RESTORE_ROLE, drill=True),
    )

    @classmethod
    def containers(cls, args: DatabaseBackupArgs, job: BackupJob) -> list[Container]:
        """The program, and beside it that of PostgreSQL, which share the dump."""
        script = SCRIPTS[job.name]

        def toml(host: str, url: str) -> str:
            database = database_section(job.role, host=host, name=args.database, owner=args.owner)
            room = {"work": WORK, "wait_seconds": args.deadline}
            return job_toml(args, job, url, own=room, sections={"database": database})

        def script_for(host: str) -> str:
            return f"export PGHOST={host}\n{text(script)}"

        secrets = database_files(job.role, args.passwords_secret, args.authority_secret)
        # The dump counts as disk of the pod: with this limit it is not evicted before it is full.
        resources = replace(RESOURCES, ephemeral_storage_limit=args.size)
        main = main_container(
            args,
            job,
            file="backup.toml",
            content=applied(toml, args.host, args.storage.url),
            secrets=secrets,
        )
        tool = Container(
            name="postgres",
            image=args.postgres_image,
            command=["sh", f"{CONFIG_PATH}/{script}"],
            resources=resources,
            env=_environment(args, job),
            files=[
                Files(
                    name=f"{job.name}-script",
                    path=CONFIG_PATH,
                    content={script: applied(script_for, args.host)},
                )
            ],
            secrets=secrets,
            shared={WORK: args.size},
        )
        return [replace(main, resources=resources, shared={WORK: args.size}), tool]


def _environment(args: DatabaseBackupArgs, job: BackupJob) -> Mapping[str, str]:
    return {
        "PGPORT": str(POSTGRES),
        "PGDATABASE": args.database,
        "PGUSER": job.role.user(args.owner),
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": AUTHORITY,
        "PASSWORD_FILE": job.role.password_file,
        "OWNER": args.owner,
        "WORK": WORK,
        "WAIT": str(args.deadline),
    }
