"""The two CronJobs of every kind of backup: one stores backups, one tries the newest of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import pulumi

from ..base.arg_types import Deadline, DnsLabel, Image, Line, ObjectName
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..mcp.config_forms import CONFIG_PATH
from .backup_roles import BackupRole
from .backup_storage import (
    MAIN,
    MANIFESTS_PATH,
    RESOURCES,
    BackupStorage,
    Minutes,
    bucket_key,
    bucket_section,
)
from .container import Container, Files, SecretFiles
from .job import CronJob, CronJobArgs
from .pod_settings import PodSettings
from .server import PROGRAM


@dataclass(frozen=True, kw_only=True)
class BackupJobsArgs:
    """What the jobs of every kind of backup are given.

    Attributes:
        namespace: where the jobs run.
        stack: name of the platform; its backups are in a folder of this name.
        server_image: image of the reference server, which reads and writes the bucket.
        storage: see BackupStorage.
        schedule: of the backups, in UTC.
        drill: schedule of the drill; None: no drill, and no restore from its template.
        max_age_minutes: the drill fails if a newest backup is older.
        deadline: seconds that a backup or a drill may take.
        pods, drill_pods: settings of the pods of each job.
        manifests: ConfigMap with ``manifests.yaml.gz``, the Kubernetes objects of the stack, which
            the backup stores as well; None: it stores none.
        after: resources that must exist first.
    """

    namespace: pulumi.Input[DnsLabel]
    stack: DnsLabel
    server_image: pulumi.Input[Image]
    storage: BackupStorage
    schedule: Line = "0 2 * * *"
    drill: Line | None = "0 4 * * 0"
    max_age_minutes: Minutes = 1560
    deadline: Deadline = 14_400
    pods: PodSettings = field(default_factory=PodSettings)
    drill_pods: PodSettings = field(default_factory=PodSettings)
    manifests: ObjectName | None = None
    after: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class BackupJob:
    """One of the two jobs.

    Attributes:
        name: of the CronJob.
        command: subcommand of `qudag-mcp-server` that the job runs.
        role: as which it logs in to the database.
        drill: whether it tries backups; False: it stores them.
    """

    name: str
    command: Sequence[str]
    role: BackupRole
    drill: bool


Args = TypeVar("Args", bound=BackupJobsArgs)


class BackupJobs(Component[Args]):
    """Two CronJobs: one stores backups in a bucket, one tries the newest of them.

    A subclass names its jobs and makes their containers.

    Attributes:
        location: URL of the folder with the backups.
        folder: name of that folder.
        jobs: the two jobs, the one that stores first.
    """

    location: pulumi.Output[str]
    folder: ClassVar[str]
    jobs: ClassVar[tuple[BackupJob, BackupJob]]

    @classmethod
    def containers(cls, args: Args, job: BackupJob) -> list[Container]:
        """The containers of a job's pod."""
        raise NotImplementedError

    def build(self, args: Args) -> None:
        for name, job in self.cron_jobs(args).items():
            CronJob(self.named(name), job, opts=self.owned())
        self.location = pulumi.Output.concat(args.storage.url, "/", args.stack, "/", self.folder)

    @classmethod
    def manifests(cls, name: str, args: Args) -> list[Manifest]:
        """Every object that the backups of this name and args register."""
        return [
            manifest
            for role, job in cls.cron_jobs(args).items()
            for manifest in CronJob.manifests(f"{name}-{role}", job)
        ]

    @classmethod
    def cron_jobs(cls, args: Args) -> dict[str, CronJobArgs]:
        """The CronJobs by their names; without a schedule of the drill there is one."""
        schedules = {job.name: args.drill if job.drill else args.schedule for job in cls.jobs}
        return {
            job.name: CronJobArgs(
                namespace=args.namespace,
                component="backup",
                containers=cls.containers(args, job),
                schedule=schedule,
                deadline=args.deadline,
                # A second try a moment later would meet the same bucket; the next run is a new one.
                retries=1,
                name=job.name,
                pods=args.drill_pods if job.drill else args.pods,
                after=args.after,
            )
            for job in cls.jobs
            if (schedule := schedules[job.name]) is not None
        }


def main_container(
    args: BackupJobsArgs,
    job: BackupJob,
    *,
    file: str,
    content: pulumi.Input[str],
    secrets: Sequence[SecretFiles] = (),
) -> Container:
    """The container that reads and writes the bucket.

    Args:
        args: of the component.
        job: whose container it is.
        file: name of its configuration file.
        content: of that file.
        secrets: besides the key of the bucket.
    """
    stored = args.manifests if not job.drill else None
    return Container(
        name=MAIN,
        image=args.server_image,
        command=[PROGRAM, *job.command, "--config", f"{CONFIG_PATH}/{file}"],
        files=[Files(name=f"{job.name}-config", path=CONFIG_PATH, content={file: content})],
        secrets=[*secrets, *bucket_key(args.storage)],
        config_maps={stored: MANIFESTS_PATH} if stored else {},
        resources=RESOURCES,
    )


def job_toml(
    args: BackupJobsArgs,
    job: BackupJob,
    url: str,
    *,
    sections: Mapping[str, Mapping[str, Any]],
    own: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The configuration file of a job.

    Args:
        args: of the component.
        job: whose file it is.
        url: of the bucket, once it is known.
        sections: besides ``backup``.
        own: fields of ``backup`` besides those that say where the bucket is.
    """
    import tomli_w

    where = bucket_section(
        args.storage,
        stack=args.stack,
        url=url,
        max_age_minutes=args.max_age_minutes,
        manifests=args.manifests is not None and not job.drill,
    )
    return tomli_w.dumps({"backup": {**where, **own}, **sections})
