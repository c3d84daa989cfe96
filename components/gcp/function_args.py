"""Args of GcpFunction, and their checks."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.problems import Problem
from ..mcp.archive import Archive
from .facts import GCP_FUNCTION_TIMEOUT
from .server_args import GcpServerArgs


@dataclass(frozen=True, kw_only=True)
class GcpFunctionArgs(GcpServerArgs):
    """Args of a function (2nd gen).

    Attributes:
        archive: the source.
        config: the server's configuration; the timeout of a request is derived from its budget.
        cpu: CPUs of an instance; a concurrency above 1 needs a whole one.
        memory_mb: MiB of an instance; the source documents' 1024.
    """

    archive: Archive
    memory_mb: int = 1024
    concurrency: int = 80

    def refusals(self) -> list[Problem]:
        return [*super().refusals(), *self.timeout_problems(GCP_FUNCTION_TIMEOUT)]
