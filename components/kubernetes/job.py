"""Pods that run to their end: once for each version, or on a schedule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import pulumi

from ..base.arg_forms import kubernetes_name
from ..base.arg_types import Deadline, Line, Retries, StartingDeadline
from ..base.component import Component
from ..base.inputs import applied
from ..base.kubernetes_object import KubernetesObject, Manifest, register
from ..base.problems import Problem
from .claims import claims_of
from .pod import PodArgs, config_maps, identity, identity_name, pod_template
from .pod_checks import drain_problems, pod_problems
from .schedule import is_time_zone, schedule_problem

LONGEST_NAME: Final = 52
"""Characters: Kubernetes appends 11 to a CronJob's name, and we a digest to a Job's; 63 at most."""
NAME: Final = kubernetes_name(LONGEST_NAME)
GRACE: Final = 30
"""Seconds until a stopping pod is killed."""


@dataclass(frozen=True, kw_only=True)
class JobArgs(PodArgs):
    """A program that runs to its end.

    Attributes:
        deadline: seconds for all tries together.
        retries: pods that may fail before the Job does.
    """

    deadline: Deadline = 600
    retries: Retries = 6

    def refusals(self) -> list[Problem]:
        """Problems of a job: volume claims, and a name too long for the suffixes of its runs."""
        return _problems(self)


@dataclass(frozen=True, kw_only=True)
class CronJobArgs(JobArgs):
    """A program that runs to its end on a schedule.

    Attributes:
        schedule: five fields (minute, hour, day of month, month, day of week), or a macro such as
            ``@daily``.
        time_zone: IANA name of the zone that the schedule is in.
        concurrency: what happens when a run is due and the last one has not ended: Forbid skips
            it, Replace ends the last one, Allow runs both.
        starting_deadline: seconds after which a run that could not start is skipped; at least 10,
            since the controller looks every 10 seconds.
        successful_history, failed_history: ended Jobs that are kept, with their logs.
        suspended: start no further runs.
    """

    schedule: Line
    time_zone: Line = "Etc/UTC"
    concurrency: Literal["Forbid", "Replace", "Allow"] = "Forbid"
    starting_deadline: StartingDeadline = 300
    successful_history: Retries = 1
    failed_history: Retries = 3
    suspended: bool = False

    def refusals(self) -> list[Problem]:
        """Problems as of a Job, and an invalid schedule or time zone."""
        return [*_problems(self), *_schedule_problems(self)]


class Job(Component[JobArgs]):
    """Hardened pods that run once for each version of the args, with an identity and files.

    A Job's pods cannot be changed, so each version is a Job of its own: a digest of its pods ends
    its name.

    Attributes:
        job: name of the Job.
    """

    args_type = JobArgs
    name_form = NAME
    name_field = "name"

    job: pulumi.Output[str]

    def build(self, args: JobArgs) -> None:
        self.job = registered_job(self, args.name or self.name, args).physical_name

    @classmethod
    def manifests(cls, name: str, args: JobArgs) -> list[Manifest]:
        """Every object that a job of this name and args registers."""
        return job_manifests(args.name or name, args)


class CronJob(Component[CronJobArgs]):
    """Hardened pods that run on a schedule, with an identity and files.

    Attributes:
        cron_job: name of the CronJob.
    """

    args_type = CronJobArgs
    name_form = NAME
    name_field = "name"

    cron_job: pulumi.Output[str]

    def build(self, args: CronJobArgs) -> None:
        name = args.name or self.name
        for manifest in config_maps(name, args):
            register(self, manifest)
        account = register(self, identity(name, args))
        made = register(self, _cron_job(name, args, service_account=account.physical_name))
        self.cron_job = made.physical_name

    @classmethod
    def manifests(cls, name: str, args: CronJobArgs) -> list[Manifest]:
        """Every object that a scheduled job of this name and args registers."""
        name = args.name or name
        return [
            *config_maps(name, args),
            identity(name, args),
            _cron_job(name, args, service_account=identity_name(name)),
        ]


def registered_job(
    owner: Component[Any], name: str, args: JobArgs, *, role: str = ""
) -> KubernetesObject:
    """Registers the files, the service account and the Job under ``owner``; returns the Job.

    Args:
        owner: the component that the Job belongs to.
        name: physical name of the Job, without its digest.
        args: the Job's.
        role: what the Job is for; part of the logical names where ``owner`` is more than a Job.
    """
    for manifest in _config_maps(name, args, role):
        register(owner, manifest)
    account = register(owner, identity(name, args, role=_identity_role(role)))
    return register(owner, _job(name, args, service_account=account.physical_name, role=role))


def job_manifests(name: str, args: JobArgs, *, role: str = "") -> list[Manifest]:
    """What ``registered_job`` registers."""
    return [
        *_config_maps(name, args, role),
        identity(name, args, role=_identity_role(role)),
        _job(name, args, service_account=identity_name(name), role=role),
    ]


def _config_maps(name: str, args: JobArgs, role: str) -> list[Manifest]:
    made = config_maps(name, args)
    return [replace(one, role=f"{role}-{one.role}") for one in made] if role else made


def _identity_role(role: str) -> str:
    return f"{role}-identity" if role else "identity"


def _job(name: str, args: JobArgs, *, service_account: pulumi.Input[str], role: str) -> Manifest:
    template = _template(name, args, service_account)
    # The account is left out of the digest: an engine knows it only once it is made.
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    physical = applied(lambda *parts: f"{name}-{_digest(parts)}", template["metadata"], spec)
    return Manifest(
        kind="Job",
        role=role or "job",
        metadata=args.described(name, physical),
        fields={"spec": _bounds(args) | {"template": template}},
        after=args.after,
    )


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:10]


def _cron_job(name: str, args: CronJobArgs, *, service_account: pulumi.Input[str]) -> Manifest:
    template = _template(name, args, service_account)
    spec: dict[str, Any] = {
        "schedule": args.schedule,
        "timeZone": args.time_zone,
        "concurrencyPolicy": args.concurrency,
        "startingDeadlineSeconds": args.starting_deadline,
        "successfulJobsHistoryLimit": args.successful_history,
        "failedJobsHistoryLimit": args.failed_history,
        "suspend": args.suspended,
        "jobTemplate": {"spec": _bounds(args) | {"template": template}},
    }
    return Manifest(
        kind="CronJob",
        role="schedule",
        metadata=args.described(name, name),
        fields={"spec": spec},
        after=args.after,
    )


def _template(name: str, args: JobArgs, service_account: pulumi.Input[str]) -> dict[str, Any]:
    return pod_template(
        name,
        args.component,
        args.containers,
        service_account=service_account,
        grace=GRACE,
        extra={"restartPolicy": "Never"},
        settings=args.pods,
    )


def _bounds(args: JobArgs) -> dict[str, Any]:
    return {"activeDeadlineSeconds": args.deadline, "backoffLimit": args.retries}


def _problems(args: JobArgs) -> list[Problem]:
    problems = [*pod_problems(args.containers, args.pods), *drain_problems(args.containers, GRACE)]
    problems += [
        Problem(
            "containers",
            f"{claim.name} is a volume claim",
            "no component creates volume claims of a job: its pods would stay Pending",
            "remove claims, and store persistent data in the database",
        )
        for claim in claims_of(args)
    ]
    if args.name and (problem := NAME.problem("name", args.name)):
        problems.append(problem)
    return problems


def _schedule_problems(args: CronJobArgs) -> list[Problem]:
    problems: list[Problem] = []
    if what := schedule_problem(args.schedule):
        problems.append(
            Problem(
                "schedule",
                f"{args.schedule!r}: {what}",
                "the API server refuses the CronJob",
                "write five fields, such as 30 3 * * *, or a macro such as @daily",
            )
        )
    if not is_time_zone(args.time_zone):
        problems.append(
            Problem(
                "time_zone",
                f"{args.time_zone!r} is not an IANA time zone",
                "the API server refuses the CronJob",
                "write a name such as Etc/UTC or Europe/Berlin",
            )
        )
    return problems
