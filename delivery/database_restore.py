"""Restores a backup of the database or of a volume: runs a drill's job with other arguments."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from components.base.problems import Problem, ProblemReport

from .kubectl import Kubectl, Object

DRILL: Final = "restore-drill"
"""The CronJob of `DatabaseBackup`; importing that component takes longer than this command."""
VOLUME_DRILL: Final = "volume-restore-drill"
VOLUMES: Final = "/volumes"
"""The CronJob of `VolumeBackup`, and the directory of the volumes in its pods."""
LABEL: Final = "qudag-mcp/restore"
MAIN: Final = "bucket"
KEPT_SECONDS: Final = 86_400
POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to restore.

    Attributes:
        listing: list the backups and restore nothing.
        before: the newest backup from before this time, with a time zone; None: the newest.
        database: name of the new database; None: made of the backup's time.
        replace: give the live database's name to the restored one, or move the volume's files away
            and the restored ones into their place.
        volume: restore this volume; None: the database.
        manifests: print the stack's Kubernetes objects instead.
    """

    listing: bool = False
    before: str | None = None
    database: str | None = None
    replace: bool = False
    volume: str | None = None
    manifests: bool = False

    @property
    def cron_jobs(self) -> Sequence[str]:
        """The drills of which a job can do it."""
        if self.manifests:
            return DRILL, VOLUME_DRILL
        return (DRILL if self.volume is None else VOLUME_DRILL,)

    def arguments(self) -> list[str]:
        """The options of ``qudag-mcp-server restore`` or ``restore-volume``."""
        volume = [self.volume] if self.volume is not None else []
        if self.listing:
            return [*volume, "--list"]
        return [
            *volume,
            *(["--before", self.before] if self.before else []),
            *(["--database", self.database] if self.database else []),
            *(["--replace"] if self.replace else []),
        ]

    def problems(self) -> list[Problem]:
        """What of it cannot be done."""
        found: list[Problem] = []
        others = self.before or self.database or self.replace
        if self.listing and others:
            found.append(
                Problem(
                    "--list",
                    "is given with options of a restore",
                    "they would have no effect",
                    "leave --list out, or the other options",
                )
            )
        if self.manifests and (self.volume or self.database or self.replace):
            found.append(
                Problem(
                    "--manifests",
                    "is given with --volume, --database or --replace",
                    "manifests are written to a folder, and nothing is applied or replaced",
                    "leave --manifests out, or the other options",
                )
            )
        if self.volume is not None and self.database:
            found.append(
                Problem(
                    "--database",
                    "is given with --volume",
                    "a volume is restored to a directory in it, and to no database",
                    "leave one of the two out",
                )
            )
        if self.before and not _is_a_time(self.before):
            found.append(
                Problem(
                    "--before",
                    f"{self.before!r} is no time with a time zone",
                    "it is unknown which backup is meant",
                    "write a time such as 2026-11-29T02:00:00Z",
                )
            )
        return found


def _is_a_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@dataclass(frozen=True)
class DatabaseRestore:
    """Restores in one namespace.

    Attributes:
        kubectl: for the platform's cluster.
        namespace: with the drill's CronJob.
    """

    kubectl: Kubectl
    namespace: str

    def live_database(self) -> str:
        """The name of the live database; raises a ``ProblemReport`` without backups."""
        containers = _pod(self._drill(DRILL)["spec"]["jobTemplate"])["containers"]
        variables = {
            each["name"]: each.get("value") for one in containers for each in one.get("env", [])
        }
        return str(variables["PGDATABASE"])

    def run(self, wanted: Wanted, say: Callable[[str], None]) -> str:
        """Run it, or wait for the one that runs already, and return what it printed.

        Raises:
            ProblemReport: there are no backups, another restore runs, or it failed.
        """
        if problems := wanted.problems():
            raise ProblemReport(problems)
        job = job_of(self._drill(*wanted.cron_jobs), wanted, datetime.now(UTC))
        if running := self._running():
            if _arguments(running) != _arguments(job):
                raise ProblemReport([self._busy(running)])
            name = running["metadata"]["name"]
            say(f"job {name} runs already: waiting for it")
        else:
            self.kubectl.must(*self._here("create", "-f", "-"), stdin=json.dumps(job))
            name = job["metadata"]["name"]
            say(f"job {name} is started; an interruption of this command does not end it")
        return self._result(name)

    def _drill(self, *names: str) -> Object:
        for name in names:
            if found := self.kubectl.objects(*self._here(f"cronjob/{name}")):
                return found[0]
        name = names[0]
        fix = "add the section backup with a drill to the stack file"
        if name == DRILL:
            fix += "; a managed PostgreSQL and CloudNativePG are restored by their own means"
        else:
            fix += ", and the volume to data.volumes"
        raise ProblemReport(
            [
                Problem(
                    f"CronJob/{self.namespace}/{name}",
                    "does not exist",
                    "there is no job that could read the backups of this platform",
                    fix,
                )
            ]
        )

    def _running(self) -> Object | None:
        found = self.kubectl.objects(*self._here("jobs", f"--selector={LABEL}"))
        return next((job for job in found if _end(job) is None), None)

    def _result(self, name: str) -> str:
        while (end := self._end_of(name)) is None:
            time.sleep(POLL_SECONDS)
        log = self.kubectl.run(
            *self._here("logs", f"job/{name}", f"--container={MAIN}")
        ).out.strip()
        if end == "Complete":
            return log
        raise ProblemReport(
            [
                Problem(
                    f"Job/{self.namespace}/{name}",
                    f"failed: {log or 'it has no log'}",
                    "nothing live was changed; what it made is deleted again",
                    "do what the log says, then run this again; all of its log: "
                    f"kubectl -n {self.namespace} logs job/{name} --all-containers",
                )
            ]
        )

    def _end_of(self, name: str) -> str | None:
        (job,) = self.kubectl.objects(*self._here(f"job/{name}")) or [{}]
        return _end(job) if job else "Deleted"

    def _busy(self, running: Object) -> Problem:
        name = running["metadata"]["name"]
        return Problem(
            f"Job/{self.namespace}/{name}",
            "restores already, with other options",
            "two restores could make a database of the same name",
            f"wait for it, or delete it: kubectl -n {self.namespace} delete job/{name}",
        )

    def _here(self, *arguments: str) -> list[str]:
        return [*arguments, f"--namespace={self.namespace}"]


def job_of(drill: Object, wanted: Wanted, now: datetime) -> Object:
    """The drill's job with other arguments: one try, and deleted after a day."""
    template: Any = copy.deepcopy(drill["spec"]["jobTemplate"])
    for container in _pod(template)["containers"]:
        if container["name"] == MAIN:
            given = [each for each in container["command"] if each != "--drill"]
            if wanted.manifests:
                given[1] = "restore-manifests"
            container["command"] = [*given, *wanted.arguments()]
            if wanted.volume is not None and not wanted.listing:
                _mount(_pod(template), container, wanted.volume)
    spec = {**template["spec"], "backoffLimit": 0, "ttlSecondsAfterFinished": KEPT_SECONDS}
    labels = drill["metadata"].get("labels", {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"restore-{now:%Y%m%d-%H%M%S}",
            "namespace": drill["metadata"]["namespace"],
            "labels": {**_without_applyset(labels), LABEL: "true"},
        },
        "spec": spec,
    }


def _mount(pod: Any, container: Any, volume: str) -> None:
    """Mount a volume, so that files can be restored to it."""
    name = f"claim-{volume}"
    claim = {"name": name, "persistentVolumeClaim": {"claimName": volume}}
    pod["volumes"] = [*pod["volumes"], claim]
    mount = {"name": name, "mountPath": f"{VOLUMES}/{volume}"}
    container["volumeMounts"] = [*container["volumeMounts"], mount]


def _without_applyset(labels: dict[str, str]) -> dict[str, str]:
    """The labels without those by which `up` deletes what a stack no longer has."""
    return {name: value for name, value in labels.items() if "applyset" not in name}


def _pod(template: Any) -> Any:
    return template["spec"]["template"]["spec"]


def _arguments(job: Object) -> Sequence[str]:
    (main,) = [each for each in _pod(job)["containers"] if each["name"] == MAIN]
    return main["command"]


def _end(job: Object) -> str | None:
    """``Complete`` or ``Failed``; None while it runs."""
    for condition in job.get("status", {}).get("conditions", []):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return condition["type"]
    return None
