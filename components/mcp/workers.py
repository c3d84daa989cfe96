"""Whether a server can run as several processes: checks of args and of the stack file."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..base.problems import Problem
from ..base.quantities import quantity


def worker_problems(
    path: str, workers: int, *, cpu_limit: str, sessions_in_memory: bool, is_node: bool
) -> Iterator[Problem]:
    """Problems with more than one process.

    Args:
        path: of the setting.
        workers: number of processes.
        cpu_limit: CPU limit of the server's container.
        sessions_in_memory: whether legacy sessions are in the memory of the process that opened
            them.
        is_node: whether the server is a QuDAG node too.
    """
    if workers == 1:
        return
    cores = math.ceil(quantity(cpu_limit))
    if workers > cores:
        yield Problem(
            path,
            f"is {workers}, but the CPU limit of {cpu_limit} is {_cores(cores)}",
            "the processes would wait for each other, and each of them costs memory",
            f"set it to {cores}, or raise the CPU limit above {workers - 1}",
        )
    if sessions_in_memory:
        yield Problem(
            path,
            f"is {workers}, but legacy sessions are in the memory of one process",
            "requests of a session would reach processes that do not know it: 404",
            "set the era to modern, or leave workers out",
        )
    if is_node:
        yield Problem(
            path,
            f"is {workers}, but the server is a QuDAG node",
            "a node has one port for its peers, so only one process would start",
            "leave workers out",
        )


def _cores(cores: int) -> str:
    return f"{cores} core{'s' if cores > 1 else ''}, rounded up"
