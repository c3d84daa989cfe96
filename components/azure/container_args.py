"""Args of AzureContainerApp and AzureContainerGroup, and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from ..base.arg_types import Image
from ..base.constraints import shown
from ..base.limits import instances_problems
from ..base.problems import Problem
from ..mcp.access import Access
from ..mcp.cloud_server import drain_problems
from ..mcp.timeout_budget import STEP, Distance
from ..mcp.user_container import UserContainer, user_container_problems
from .arg_types import ResourceId
from .facts import AZURE_CONTAINER_APP_GRACE, AZURE_CONTAINER_APP_REQUEST
from .otlp import AzureOtlpReceiver
from .secrets import AzureSecrets
from .server_args import AzureServerArgs, domain_problems, private_storage_problems

STOPS: Final = "the time to stop is not configurable (Azure Container Instances, REST API)"
MB_IN_GB: Final = 1024
"""MiB in a GiB, which both services count memory in."""
MOST_CPUS: Final = 4
"""CPUs of all containers of a replica (Azure Container Apps, Containers, Allocations)."""


@dataclass(frozen=True, kw_only=True)
class AzureContainerArgs(AzureServerArgs):
    """Args of both forms of a container.

    Attributes:
        image: the reference server, or one that reads the same configuration.
        registry: id of the container registry of the images; None for a public image.
        cpu: CPUs; those of the source documents.
        memory_mb: MiB; those of the source documents.
        otlp: your receiver of spans and copies of log lines by OTLP; None: they are not sent.
    """

    image: Image
    registry: ResourceId | None = None
    cpu: float = 0.5
    memory_mb: int = 1024
    otlp: AzureOtlpReceiver | None = None

    def refusals(self) -> list[Problem]:
        return [*super().refusals(), *_registry(self.image, self.registry)]


@dataclass(frozen=True, kw_only=True)
class AzureContainerAppArgs(AzureContainerArgs):
    """Args of a container app.

    Attributes:
        access: who may connect: everyone, or the network of ``subnet``.
        subnet: id of the subnet of its environment, delegated to Microsoft.App/environments.
        secrets: secrets in its environment.
        concurrency: requests at once to a replica, above which there will be another one.
        min_instances: fewest replicas.
        max_instances: most replicas.
        zone_redundant: spread replicas and the storage account's copies over zones; another value
            replaces the environment.
        private_storage: close the storage account to all networks but ``subnet``, which needs the
            service endpoint Microsoft.Storage.
        upstream: an MCP server image of yours, which runs in the same replica and gets the
            ``secrets``. The reference server is its reverse proxy, which checks tokens and offers
            no tools; ``config.role`` has no effect. CPUs and memory of the image are added.
    """

    access: Access
    subnet: ResourceId | None = None
    secrets: AzureSecrets | None = None
    concurrency: int = 100
    min_instances: int = 1
    max_instances: int = 10
    zone_redundant: bool = False
    private_storage: bool = False
    upstream: UserContainer | None = None

    def refusals(self) -> list[Problem]:
        budget = self.config.budget
        return [
            *super().refusals(),
            *AZURE_CONTAINER_APP_REQUEST.problems(
                "config.budget.longest_tool",
                budget.at(Distance.GATEWAY).timeout,
                fix=f"set at most {AZURE_CONTAINER_APP_REQUEST.most - STEP}",
            ),
            *AZURE_CONTAINER_APP_GRACE.problems(
                "config.budget.drain",
                budget.at(Distance.SERVER).grace,
                fix="leave drain out: it is derived from longest_tool",
            ),
            *instances_problems(self.min_instances, self.max_instances),
            *domain_problems(self.config),
            *_app_size(self),
            *_app_callers(self),
            *_app_zones(self),
            *private_storage_problems(private=self.private_storage, subnet=self.subnet),
            *_upstream(self),
        ]


@dataclass(frozen=True, kw_only=True)
class AzureContainerGroupArgs(AzureContainerArgs):
    """Args of a container group.

    Attributes:
        config: the server's configuration; its domain is the host name of your gateway, which has
            the certificate and forwards to the group.
        subnet: id of the subnet that it is in, delegated to
            Microsoft.ContainerInstance/containerGroups; the network of the subnet may connect.
        protect: has no effect: a group holds no sessions.
    """

    subnet: ResourceId

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *drain_problems(self.config, stops=STOPS),
            *_group_domain(self),
            *_group_token(self),
        ]


def program_size(program: UserContainer) -> tuple[float, int]:
    """The smallest multiple of 0.25 CPUs and 512 MiB that covers an image's CPUs and memory."""
    quarters = max(math.ceil(program.cpu * 4), math.ceil(program.memory_mb * 2 / MB_IN_GB))
    return quarters / 4, quarters * MB_IN_GB // 2


def replica_size(args: AzureContainerAppArgs) -> tuple[float, int]:
    """CPUs and MiB of a replica, with those of a user's image."""
    cpu, memory_mb = program_size(args.upstream) if args.upstream else (0.0, 0)
    return args.cpu + cpu, args.memory_mb + memory_mb


def _upstream(args: AzureContainerAppArgs) -> list[Problem]:
    if args.upstream is None:
        return []
    problems = user_container_problems(
        args.upstream,
        era=args.config.era,
        secrets=args.secrets.versions if args.secrets else {},
        max_instances=args.max_instances,
    )
    problems += _registry(args.upstream.image, args.registry, of="upstream.image")
    cpu, memory_mb = program_size(args.upstream)
    if args.cpu + cpu > MOST_CPUS:
        problems.append(
            Problem(
                "upstream.memory_mb",
                f"is {args.upstream.memory_mb}, and upstream.cpu is {args.upstream.cpu:g}: with "
                f"twice as many GiB as CPUs, that is {cpu:g} CPUs and {memory_mb} MiB, besides "
                f"{args.cpu:g} CPUs of the server in front of it",
                f"the cloud refuses it: a replica has at most {MOST_CPUS} CPUs (Azure Container "
                "Apps, Containers, Allocations)",
                f"let the image ask for at most {MOST_CPUS - args.cpu:g} CPUs and "
                f"{round((MOST_CPUS - args.cpu) * 2 * MB_IN_GB)} MiB",
            )
        )
    if args.upstream.user is not None:
        problems.append(
            Problem(
                "upstream.user",
                f"is {args.upstream.user}, and Container Apps has no such setting",
                "it would have no effect: the container runs as the image's USER",
                "leave it out, and set USER in the image",
            )
        )
    return problems


def _app_size(args: AzureContainerAppArgs) -> list[Problem]:
    if args.cpu * 4 in range(1, MOST_CPUS * 4 + 1) and args.memory_mb == args.cpu * 2 * MB_IN_GB:
        return []
    return [
        Problem(
            "cpu",
            f"is {shown(args.cpu)}, with {shown(args.memory_mb)} MiB",
            "the cloud refuses it: 0.25 to 4 CPUs by quarters, each with twice as many GiB (Azure "
            "Container Apps, Containers, Allocations)",
            "set cpu to 0.5 and memory_mb to 1024, or multiples of them",
        )
    ]


def _app_callers(args: AzureContainerAppArgs) -> list[Problem]:
    if args.access.public or args.subnet:
        return []
    return [
        Problem(
            "subnet",
            "is missing, and access.public is false",
            "nothing outside the app's own environment could connect",
            "set the id of a subnet, or set access.public to true",
        )
    ]


def _app_zones(args: AzureContainerAppArgs) -> list[Problem]:
    if not args.zone_redundant:
        return []
    problems: list[Problem] = []
    if args.subnet is None:
        problems.append(
            Problem(
                "subnet",
                "is missing, and zone_redundant is true",
                "Azure refuses it: a zone redundant environment is in a subnet of yours (Azure "
                "Container Apps, Reliability)",
                "set the id of a subnet that is delegated to Microsoft.App/environments",
            )
        )
    if args.min_instances < 2:
        problems.append(
            Problem(
                "min_instances",
                f"is {shown(args.min_instances)}, and zone_redundant is true",
                "one replica is in one zone",
                "write 2 or more",
            )
        )
    return problems


def _group_domain(args: AzureContainerGroupArgs) -> list[Problem]:
    if args.config.domain:
        return []
    return [
        Problem(
            "config.domain",
            "is missing",
            "a group has no host name and no certificate: there would be no mcp_url",
            "set it to the host name of the gateway that forwards to the group",
        )
    ]


def _group_token(args: AzureContainerGroupArgs) -> list[Problem]:
    if args.otlp is None or args.otlp.token is None:
        return []
    return [
        Problem(
            "otlp.token",
            "is set, and a container group cannot read Key Vault",
            "the token would be in the state in clear (Azure Container Instances, REST API, "
            "Container groups)",
            "use AzureContainerApp, or a receiver that needs no token",
        )
    ]


def _registry(image: str, registry: str | None, of: str = "image") -> list[Problem]:
    server = image.partition("/")[0]
    own = registry_server(registry) if registry else None
    if not server.endswith(".azurecr.io") or server == own:
        return []
    return [
        Problem(
            "registry",
            f"is {own or 'missing'}, and {of} is in {shown(server)}",
            "the identity would have no right to pull the image",
            f"set the id of the registry {server.partition('.')[0]}",
        )
    ]


def registry_server(registry: str) -> str:
    """The host name of a registry, which its images begin with."""
    return f"{registry.rpartition('/')[2].lower()}.azurecr.io"
