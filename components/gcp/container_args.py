"""Args of CloudRun, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Image
from ..base.constraints import shown
from ..base.problems import Problem
from ..mcp.user_container import UserContainer, user_container_problems
from .facts import CLOUD_RUN_TIMEOUT
from .otlp import GcpOtlpReceiver
from .server_args import GcpServerArgs

CPUS: Final = (1, 2, 4, 6, 8)
"""CPUs that an instance can be given while it handles no request (Cloud Run, CPU limits)."""
_CPUS_FOR_MEMORY: Final = ((0, 1), (4096, 2), (8192, 4), (16384, 6), (24576, 8))
"""Pairs of MiB and CPUs: more than these MiB need these CPUs (Cloud Run, Memory limits)."""


@dataclass(frozen=True, kw_only=True)
class CloudRunArgs(GcpServerArgs):
    """Args of a Cloud Run service.

    Attributes:
        image: the reference server, or one that reads the same configuration.
        config: the server's configuration; the timeout of a request is derived from its budget.
        cpu: CPUs of an instance, which has them between requests too.
        upstream: an MCP server image of yours, which runs in the same instance and gets the
            ``secrets``. The reference server is its reverse proxy, which checks tokens and offers
            no tools; ``config.role`` has no effect.
        otlp: your receiver of spans and copies of log lines by OTLP; None: they are not sent.
        protect: refuse to delete the service and what holds sessions.
    """

    image: pulumi.Input[Image]
    min_instances: int = 1
    upstream: UserContainer | None = None
    otlp: GcpOtlpReceiver | None = None

    @property
    def front_of(self) -> UserContainer | None:
        return self.upstream

    @property
    def receiver(self) -> GcpOtlpReceiver | None:
        return self.otlp

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *self.timeout_problems(CLOUD_RUN_TIMEOUT),
            *_cpu(self.cpu),
            *_upstream(self),
        ]


def _cpu(cpu: float) -> list[Problem]:
    if cpu in CPUS:
        return []
    return [
        Problem(
            "cpu",
            f"is {shown(cpu)}, and {', '.join(map(str, CPUS))} are offered",
            "the cloud refuses it (Cloud Run, CPU limits)",
            "set it to 1",
        )
    ]


def program_cpu(program: UserContainer) -> int:
    """The smallest offered number of CPUs that covers an image's CPUs and memory."""
    memory = (cpus for least, cpus in _CPUS_FOR_MEMORY if program.memory_mb > least)
    asked = max(program.cpu, *memory)
    return next((cpus for cpus in CPUS if cpus >= asked), CPUS[-1])


def _upstream(args: CloudRunArgs) -> list[Problem]:
    problems = user_container_problems(
        args.upstream,
        era=args.config.era,
        secrets=args.secrets,
        max_instances=args.max_instances,
    )
    if args.upstream and args.upstream.user is not None:
        problems.append(
            Problem(
                "upstream.user",
                f"is {args.upstream.user}, and Cloud Run has no such setting",
                "it would have no effect: the container runs as the image's USER",
                "leave it out, and set USER in the image",
            )
        )
    if args.upstream and args.upstream.writable:
        problems.append(
            Problem(
                "upstream.writable",
                "is set, and Cloud Run mounts no directories",
                "it would have no effect: the whole file system is writable, in memory",
                "leave it out, and create the directories in the image",
            )
        )
    return problems
