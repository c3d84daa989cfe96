"""Scheduled backups of volumes to a bucket, and a drill that reads the newest ones back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from ..base.arg_types import (
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
from ..base.problems import Problem
from ..mcp.config_forms import CONFIG_PATH
from .backup_roles import BACKUP_ROLE, RESTORE_ROLE, database_files, database_section
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

BACKUP: Final = "volume-backup"
DRILL: Final = "volume-restore-drill"
VOLUMES: Final = "/volumes"


@dataclass(frozen=True, kw_only=True)
class ResultsDatabase:
    """The database in which the results of backups and drills of volumes are recorded.

    Attributes:
        host: of the database, which has been migrated, and has the roles of ``DatabaseBackup``.
        passwords_secret: Secret with ``backup-password`` and ``restore-password``.
        authority_secret: Secret with ``ca.crt``, the authority of the database's certificate.
        database: name of the database.
        owner: the role that owns it. The jobs log in as ``<owner>_backup`` and ``<owner>_restore``.
    """

    host: pulumi.Input[Host]
    passwords_secret: SecretName
    authority_secret: SecretName
    database: DatabaseName = "qudag_mcp"
    owner: DatabaseName = "qudag"


@dataclass(frozen=True, kw_only=True)
class VolumeBackupArgs:
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

    namespace: pulumi.Input[DnsLabel]
    stack: DnsLabel
    server_image: pulumi.Input[Image]
    storage: BackupStorage
    volumes: Sequence[ObjectName]
    schedule: Line = "0 3 * * *"
    drill: Line | None = "0 5 * * 0"
    max_age_minutes: Minutes = 1560
    deadline: Deadline = 14_400
    pods: PodSettings = field(default_factory=PodSettings)
    drill_pods: PodSettings = field(default_factory=PodSettings)
    manifests: ObjectName | None = None
    results: ResultsDatabase | None = None
    after: Sequence[pulumi.Resource] = ()

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


class VolumeBackup(Component[VolumeBackupArgs]):
    """Two CronJobs: one copies volumes to a bucket, one reads the newest copies back and compares.

    Attributes:
        location: URL of the folder with the backups.
    """

    args_type = VolumeBackupArgs

    location: pulumi.Output[str]

    def build(self, args: VolumeBackupArgs) -> None:
        for name, job in jobs(args).items():
            CronJob(self.named(name), job, opts=self.owned())
        self.location = pulumi.Output.concat(args.storage.url, "/", args.stack, "/volumes")

    @classmethod
    def manifests(cls, name: str, args: VolumeBackupArgs) -> list[Manifest]:
        """Every object that the backups of this name and args register."""
        return [
            manifest
            for role, job in jobs(args).items()
            for manifest in CronJob.manifests(f"{name}-{role}", job)
        ]


def jobs(args: VolumeBackupArgs) -> dict[str, CronJobArgs]:
    """The CronJobs by their names."""
    made = {BACKUP: _job(args, BACKUP, args.schedule, ["backup-volumes"])}
    if args.drill is not None:
        made[DRILL] = _job(args, DRILL, args.drill, ["restore-volume", "--drill"])
    return made


def _job(args: VolumeBackupArgs, name: str, schedule: str, arguments: Sequence[str]) -> CronJobArgs:
    stored = args.manifests if name == BACKUP else None
    paths = {volume: f"{VOLUMES}/{volume}" for volume in args.volumes}
    results, role = args.results, BACKUP_ROLE if name == BACKUP else RESTORE_ROLE

    def toml(url: str, host: str) -> str:
        import tomli_w

        section = bucket_section(
            args.storage,
            stack=args.stack,
            url=url,
            max_age_minutes=args.max_age_minutes,
            manifests=stored is not None,
        )
        content: dict[str, Any] = {"backup": section, "volumes": paths}
        if results:
            content["database"] = database_section(
                role, host=host, name=results.database, owner=results.owner
            )
        return tomli_w.dumps(content)

    main = Container(
        name=MAIN,
        image=args.server_image,
        command=[PROGRAM, *arguments, "--config", f"{CONFIG_PATH}/volumes.toml"],
        resources=RESOURCES,
        files=[
            Files(
                name=f"{name}-config",
                path=CONFIG_PATH,
                content={
                    "volumes.toml": applied(toml, args.storage.url, results.host if results else "")
                },
            )
        ],
        secrets=[
            *(
                database_files(role, results.passwords_secret, results.authority_secret)
                if results
                else ()
            ),
            *bucket_key(args.storage),
        ],
        # The drill reads the bucket alone. A restore mounts the volume that it is for.
        read_only_volumes=paths if name == BACKUP else {},
        config_maps={stored: MANIFESTS_PATH} if stored else {},
    )
    return CronJobArgs(
        namespace=args.namespace,
        component="backup",
        containers=[main],
        schedule=schedule,
        deadline=args.deadline,
        # A second try a moment later would meet the same bucket; the next run is a new try.
        retries=1,
        name=name,
        pods=args.drill_pods if name == DRILL else args.pods,
        after=args.after,
    )
