"""Args of CloudRun, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Image
from ..base.constraints import shown
from ..base.problems import Problem
from .facts import CLOUD_RUN_TIMEOUT
from .server_args import GcpServerArgs

CPUS: Final = (1, 2, 4, 6, 8)
"""CPUs that an instance can be given while it handles no request (Cloud Run, CPU limits)."""


@dataclass(frozen=True, kw_only=True)
class CloudRunArgs(GcpServerArgs):
    """Args of a Cloud Run service.

    Attributes:
        image: the reference server, or one that reads the same configuration.
        config: the server's configuration; the timeout of a request is derived from its budget.
        cpu: CPUs of an instance, which has them between requests too.
        protect: refuse to delete the service and what holds sessions.
    """

    image: pulumi.Input[Image]
    min_instances: int = 1

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *self.timeout_problems(CLOUD_RUN_TIMEOUT),
            *_cpu(self.cpu),
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
