"""What EcsFargate refuses: what AWS publishes that it cannot do, and doors left open or shut."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..base.problems import Problem
from ..mcp.timeout_budget import STEP, Distance
from .facts import ALB_DRAIN, ALB_IDLE, FARGATE_STOP
from .identity import reserved_problems, retention_problems, secret_problems

if TYPE_CHECKING:
    from .container import EcsFargateArgs

OUT: Final = 443
"""The one port by which tasks reach what is outside."""

RESERVED: Final = ("QUDAG_MCP_",)
"""Beginnings of variables that the component itself sets."""

SIZES: Final = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
}
"""MiB that a task may have, by its CPU units (Amazon ECS Developer Guide, Task CPU and memory)."""


def problems(args: EcsFargateArgs) -> list[Problem]:
    """All that cannot be, at once."""
    server, door = (args.config.budget.at(each) for each in (Distance.SERVER, Distance.GATEWAY))
    longest = FARGATE_STOP.most - 2 * STEP
    return [
        *FARGATE_STOP.problems(
            "config.budget",
            server.drain + STEP,
            fix=f"set at most {longest} s for the longest tool, or run it on Kubernetes",
        ),
        *ALB_IDLE.problems("config.budget.longest_tool", door.timeout, fix=f"write {longest}"),
        *ALB_DRAIN.problems("config.budget.drain", door.drain, fix="leave it out"),
        *_size(args),
        *_tasks(args),
        *_doors(args),
        *_subnets(args),
        *retention_problems("log_retention", args.log_retention),
        *secret_problems(args.secrets),
        *reserved_problems(args.secrets, RESERVED),
        *_keys(args.config.auth.jwks_url),
    ]


def _keys(url: str | None) -> list[Problem]:
    """The tasks' security group lets them out on HTTPS's own port alone."""
    found = urlsplit(url or "")
    port = found.port or {"http": 80}.get(found.scheme, OUT)
    if port == OUT:
        return []
    return [
        Problem(
            "config.auth.jwks_url",
            f"has port {port}",
            f"the tasks' security group lets them out to port {OUT} alone: tokens stay unread",
            f"offer the keys at https and port {OUT}",
        )
    ]


def _size(args: EcsFargateArgs) -> list[Problem]:
    source = "Fargate has no such size (Amazon ECS Developer Guide, Task CPU and memory)"
    if args.cpu not in SIZES:
        sizes = ", ".join(map(str, SIZES))
        return [Problem("cpu", f"is {args.cpu} units", source, f"write one of {sizes}")]
    if args.memory in SIZES[args.cpu]:
        return []
    fitting = next((each for each in SIZES[args.cpu] if each >= args.memory), SIZES[args.cpu][-1])
    what = f"is {args.memory} MiB with {args.cpu} units of CPU"
    return [Problem("memory", what, source, f"write {fitting}")]


def _tasks(args: EcsFargateArgs) -> list[Problem]:
    if 1 <= args.min_tasks <= args.max_tasks:
        return []
    return [
        Problem(
            "min_tasks",
            f"is {args.min_tasks}, and max_tasks is {args.max_tasks}",
            "there is no number of tasks between them",
            "set min_tasks to 1 or more, and max_tasks to no less",
        )
    ]


def _doors(args: EcsFargateArgs) -> list[Problem]:
    if not args.config.domain:
        return [
            Problem(
                "config.domain",
                "is missing",
                "no client could verify the certificate of the load balancer",
                "set it to the host name that the certificate is for",
            )
        ]
    if args.public and args.allowed_from:
        return [
            Problem(
                "allowed_from",
                "names networks, and public is true",
                "the list would mean nothing",
                "leave out one of the two",
            )
        ]
    return [
        problem for index, cidr in enumerate(args.allowed_from) for problem in _cidr(index, cidr)
    ]


def _cidr(index: int, cidr: str) -> list[Problem]:
    path = f"allowed_from[{index}]"
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        return [Problem(path, f"{cidr!r}: {error}", "AWS refuses it", "write it as 10.0.0.0/8")]
    if network.prefixlen:
        return []
    what = f"{cidr} is everybody"
    return [Problem(path, what, "it would be public without saying so", "set public to true")]


def _subnets(args: EcsFargateArgs) -> list[Problem]:
    needed = {"private_subnets": args.network.private_subnets}
    if args.public:
        needed["public_subnets"] = args.network.public_subnets
    return [
        Problem(
            f"network.{name}",
            f"has {len(subnets)}",
            "a load balancer needs two in two availability zones (Application Load Balancers, "
            "Subnets for your load balancer)",
            "name two or more",
        )
        for name, subnets in needed.items()
        if len(subnets) < 2
    ]
