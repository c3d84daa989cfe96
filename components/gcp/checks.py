"""What the servers on Google Cloud refuse: what it cannot give, and doors left open or shut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..base.limits import Limit, instances_problems
from ..base.problems import Problem
from ..mcp.cloud_server import drain_problems, variables_problems
from ..mcp.timeout_budget import STEP, Distance
from .facts import CLOUD_RUN_CONCURRENCY, GCP_VERSION
from .identity import EVERYONE, GcpAccess

if TYPE_CHECKING:
    from .container import CloudRunArgs
    from .function import GcpFunctionArgs

STOPS: Final = "Cloud Run ends an instance 10 s after telling it to (Container runtime contract)"


def problems(args: CloudRunArgs | GcpFunctionArgs, time: Limit) -> list[Problem]:
    """What neither can be; ``time`` is what a request may take."""
    return [
        *access_problems(args.access),
        *secret_problems(args.secrets),
        *drain_problems(args.config, stops=STOPS),
        *instances_problems(args.min_instances, args.max_instances),
        *time.problems(
            "config.budget.longest_tool",
            args.config.budget.at(Distance.GATEWAY).timeout,
            fix=f"set at most {time.most - STEP}",
        ),
        *CLOUD_RUN_CONCURRENCY.problems(
            "concurrency", args.concurrency, fix=f"set at most {CLOUD_RUN_CONCURRENCY.most}"
        ),
    ]


def access_problems(access: GcpAccess) -> list[Problem]:
    """Nobody could call it, or everyone could without its saying so."""
    problems: list[Problem] = []
    if not access.public and not access.invokers:
        problems.append(
            Problem(
                "access.invokers",
                "names nobody, and access.public is false",
                "every call is answered 403 before it reaches the server",
                "name the accounts that call it, or set access.public to true",
            )
        )
    if access.public and access.invokers:
        problems.append(
            Problem(
                "access.invokers",
                "names accounts, but access.public lets everyone in",
                "the list would mean nothing",
                "leave out one of the two",
            )
        )
    problems += [
        Problem(
            f"access.invokers[{index}]",
            f"{member} is no account but a crowd",
            "it would be public without saying so",
            "name accounts, or set access.public to true",
        )
        for index, member in enumerate(access.invokers)
        if member in (EVERYONE, "allAuthenticatedUsers")
    ]
    return problems


def secret_problems(secrets: Mapping[str, str]) -> list[Problem]:
    """What names no version by its number: what runs would depend on when it started."""
    return variables_problems(secrets) + [
        Problem(
            f"secrets.{variable}",
            f"{name!r} is not one version of a secret",
            "instances that start at other times would have other passwords",
            "write projects/<project>/secrets/<name>/versions/<number>",
        )
        for variable, name in secrets.items()
        if not re.fullmatch(GCP_VERSION, name)
    ]
