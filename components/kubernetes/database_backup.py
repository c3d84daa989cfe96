"""Scheduled backups of a PostgreSQL to a bucket, and a drill that restores the newest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pulumi

from ..base.arg_types import (
    ByteSize,
    DatabaseName,
    Deadline,
    DnsLabel,
    Host,
    Image,
    Line,
    ObjectName,
    SecretName,
)
from ..base.component import Component
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest
from ..mcp.config_forms import CONFIG_PATH
from ..mcp.data_tier import POSTGRES
from .backup_roles import AUTHORITY, BACKUP_ROLE, RESTORE_ROLE, database_files, database_section
from .backup_storage import (
    MAIN,
    MANIFESTS_PATH,
    RESOURCES,
    BackupStorage,
    Minutes,
    bucket_key,
    bucket_section,
)
from .container import Container, Files
from .job import CronJob, CronJobArgs
from .pod_settings import PodSettings
from .server import PROGRAM
from .templates import text

BACKUP: Final = "database-backup"
DRILL: Final = "restore-drill"
WORK: Final = "/work"
ROLES: Final = {BACKUP: BACKUP_ROLE, DRILL: RESTORE_ROLE}
PASSWORDS: Final = {job: role.password_key for job, role in ROLES.items()}


@dataclass(frozen=True, kw_only=True)
class DatabaseBackupArgs:
    """Args of the backups of a database.

    Attributes:
        namespace: where the jobs run.
        stack: name of the platform; its backups are in a folder of this name.
        server_image: image of the reference server, which reads and writes the bucket.
        postgres_image: image with ``pg_dump`` and ``pg_restore``, of the database's version.
        host: of the database.
        storage: see BackupStorage.
        passwords_secret: Secret with ``backup-password`` and ``restore-password``.
        authority_secret: Secret with ``ca.crt``, the authority of the database's certificate.
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

    namespace: pulumi.Input[DnsLabel]
    stack: DnsLabel
    server_image: pulumi.Input[Image]
    postgres_image: pulumi.Input[Image]
    host: pulumi.Input[Host]
    storage: BackupStorage
    passwords_secret: SecretName
    authority_secret: SecretName
    database: DatabaseName = "qudag_mcp"
    owner: DatabaseName = "qudag"
    schedule: Line = "0 2 * * *"
    drill: Line | None = "0 4 * * 0"
    max_age_minutes: Minutes = 1560
    size: ByteSize = "10Gi"
    deadline: Deadline = 14_400
    pods: PodSettings = field(default_factory=PodSettings)
    drill_pods: PodSettings = field(default_factory=PodSettings)
    manifests: ObjectName | None = None
    after: Sequence[pulumi.Resource] = ()


class DatabaseBackup(Component[DatabaseBackupArgs]):
    """Two CronJobs: one dumps the database to a bucket, one restores the newest dump and compares.

    Attributes:
        location: URL of the folder with the backups.
    """

    args_type = DatabaseBackupArgs

    location: pulumi.Output[str]

    def build(self, args: DatabaseBackupArgs) -> None:
        for name, job in jobs(args).items():
            CronJob(self.named(name), job, opts=self.owned())
        self.location = pulumi.Output.concat(args.storage.url, "/", args.stack, "/database")

    @classmethod
    def manifests(cls, name: str, args: DatabaseBackupArgs) -> list[Manifest]:
        """Every object that the backups of this name and args register."""
        return [
            manifest
            for role, job in jobs(args).items()
            for manifest in CronJob.manifests(f"{name}-{role}", job)
        ]


def jobs(args: DatabaseBackupArgs) -> dict[str, CronJobArgs]:
    """The CronJobs by their names."""
    made = {BACKUP: _job(args, BACKUP, args.schedule, ["backup"], "backup-dump.sh")}
    if args.drill is not None:
        arguments = ["restore", "--drill"]
        made[DRILL] = _job(args, DRILL, args.drill, arguments, "backup-restore.sh")
    return made


def _job(
    args: DatabaseBackupArgs, name: str, schedule: str, arguments: Sequence[str], script: str
) -> CronJobArgs:
    role = ROLES[name]
    config = f"{CONFIG_PATH}/backup.toml"

    def toml(host: str, url: str) -> str:
        return _toml(args, name, {"host": host, "url": url})

    def script_for(host: str) -> str:
        return f"export PGHOST={host}\n{text(script)}"

    database = database_files(role, args.passwords_secret, args.authority_secret)
    mounted = {args.manifests: MANIFESTS_PATH} if args.manifests and name == BACKUP else {}
    # The dump counts as disk of the pod: with the limit below it is not evicted before it is full.
    resources = replace(RESOURCES, ephemeral_storage_limit=args.size)
    main = Container(
        name=MAIN,
        image=args.server_image,
        command=[PROGRAM, *arguments, "--config", config],
        resources=resources,
        files=[
            Files(
                name=f"{name}-config",
                path=CONFIG_PATH,
                content={"backup.toml": applied(toml, args.host, args.storage.url)},
            )
        ],
        secrets=[*database, *bucket_key(args.storage)],
        shared={WORK: args.size},
        config_maps=mounted,
    )
    tool = Container(
        name="postgres",
        image=args.postgres_image,
        command=["sh", f"{CONFIG_PATH}/{script}"],
        resources=resources,
        env={
            "PGPORT": str(POSTGRES),
            "PGDATABASE": args.database,
            "PGUSER": role.user(args.owner),
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": AUTHORITY,
            "PASSWORD_FILE": role.password_file,
            "OWNER": args.owner,
            "WORK": WORK,
            "WAIT": str(args.deadline),
        },
        files=[
            Files(
                name=f"{name}-script",
                path=CONFIG_PATH,
                content={script: applied(script_for, args.host)},
            )
        ],
        secrets=database,
        shared={WORK: args.size},
    )
    return CronJobArgs(
        namespace=args.namespace,
        component="backup",
        containers=[main, tool],
        schedule=schedule,
        deadline=args.deadline,
        # A second try a moment later would meet the same bucket; the next run is a new try.
        retries=1,
        name=name,
        pods=args.drill_pods if name == DRILL else args.pods,
        after=args.after,
    )


def _toml(args: DatabaseBackupArgs, name: str, known: Mapping[str, str]) -> str:
    backup = bucket_section(
        args.storage,
        stack=args.stack,
        url=known["url"],
        max_age_minutes=args.max_age_minutes,
        manifests=args.manifests is not None and name == BACKUP,
    )
    database = database_section(
        ROLES[name], host=known["host"], name=args.database, owner=args.owner
    )
    import tomli_w

    backup |= {"work": WORK, "wait_seconds": args.deadline}
    return tomli_w.dumps({"backup": backup, "database": database})
