"""What must hold for identities of a cloud: whose they are, and where their tokens come from."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from components.base.arguments import camel
from components.base.problems import Problem, nearest
from components.kubernetes.cloud_identity import SYSTEMS, one_cloud_problems
from components.kubernetes.flow_checks import api_server_problem
from components.kubernetes.pod_settings import identity_problems

from ..backup import backup_jobs, makes_identities
from ..config.stack import StackConfig
from ..identities import cloud_identity
from ..pod_settings import pod_settings
from ..services import topology
from .rule import Rule, at, path_of


def identities_belong_to_workloads(config: StackConfig) -> Iterator[Problem]:
    """Each identity is of one cloud, and of a service or a job."""
    planned = topology(config)
    workloads = [name for name in planned.workloads if name not in planned.data]
    for name, identity in config.kubernetes.identities.items():
        path = path_of("kubernetes", "identities", name)
        if name not in workloads:
            guess = nearest(name, workloads)
            yield at(
                path,
                f"the topology {config.topology} has no such service or job",
                "no pod would have the identity",
                f"write {guess}" if guess else f"one of: {', '.join(workloads)}",
            )
        wrong = one_cloud_problems({cloud: getattr(identity, cloud) for cloud in SYSTEMS})
        for problem in wrong:
            yield at(f"{path}.{problem.path}", problem.what, problem.consequence, problem.fix)
        if not wrong:
            yield from _variables(config, name)


def _variables(config: StackConfig, name: str) -> Iterator[Problem]:
    """Variables of the pods by which they would have other credentials."""
    settings = pod_settings(config, name)
    own = config.kubernetes.service_pods.get(name)
    for problem in identity_problems(
        cloud_identity(config, name), env=settings.env, secret_env=settings.secret_env
    ):
        field, _, variable = problem.path.partition(".")
        given = own is not None and variable in getattr(own, field)
        steps = ("servicePods", name) if given else ("pods",)
        path = path_of("kubernetes", *steps, camel(field), variable)
        yield at(path, problem.what, problem.consequence, problem.fix)


def tokens_are_reached(config: StackConfig) -> Iterator[Problem]:
    """The networks of a token service are there for the identities that need one, and narrow."""
    kubernetes = config.kubernetes
    path = "kubernetes.tokenNetworks"
    asking = [
        (name, cloud, system.host)
        for name, identity in kubernetes.identities.items()
        for cloud, system in SYSTEMS.items()
        if getattr(identity, cloud) is not None and system.host is not None
    ]
    if makes_identities(config):
        asking += [(name, "azure", SYSTEMS["azure"].host) for name in backup_jobs(config)]
    if asking and not kubernetes.token_networks:
        name, cloud, host = asking[0]
        yield at(
            path,
            f"is missing, and {name} has an identity of {cloud}",
            "the network policies would drop every packet to the token service",
            f"list the networks of {host}, such as those of its private endpoints",
        )
    if kubernetes.token_networks and not asking:
        yield at(
            path,
            "is set, and no workload has an identity of aws or azure",
            "it would have no effect",
            "leave it out, or set kubernetes.identities",
        )
    for index, written in enumerate(kubernetes.token_networks):
        if problem := api_server_problem(ip_network(written), kubernetes.api_server):
            what, consequence, fix = problem
            fix = fix.replace("list the", "list in kubernetes.apiServer the")
            yield at(f"{path}[{index}]", f"{written} {what}", consequence, fix)


IDENTITY_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (
        ("kubernetes", "topology", "servers", "backup", "audit", "data"),
        identities_belong_to_workloads,
    ),
    (
        ("kubernetes.identities", "kubernetes.tokenNetworks", "kubernetes.apiServer", "backup"),
        tokens_are_reached,
    ),
]
"""Each rule with what it reads."""
