"""What a container of Azure is told, and which of it the cloud cannot do or not safely."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..base.arg_types import Image
from ..base.limits import instances_problems
from ..base.problems import Problem
from ..mcp.cloud_server import drain_problems
from ..mcp.server_config import CloudServerConfig
from ..mcp.timeout_budget import STEP, Distance
from .facts import AZURE_CONTAINER_APP_GRACE, AZURE_CONTAINER_APP_REQUEST, AZURE_LOG_DAYS
from .location import AzureLocation
from .resource_group import AzureSecrets, name_problems


class AzureContainerKind(Enum):
    """What runs it.

    APP: Container Apps, with TLS at its door and as many replicas as are needed.
    GROUP: one container group of Container Instances, in a subnet, behind a gateway of your own.
    """

    APP = "app"
    GROUP = "group"


@dataclass(frozen=True, kw_only=True)
class AzureContainerArgs:
    """What a container needs to know.

    Attributes:
        location: where it is put.
        image: the reference server, or one that reads the same configuration.
        config: the server's configuration.
        kind: see AzureContainerKind.
        public: everyone reaches it, and only the server's own check of tokens stands before the
            tools; otherwise those in the network of ``subnet``. A group cannot be public.
        subnet: id of the subnet it is put into, delegated to Microsoft.App/environments for an
            app, to Microsoft.ContainerInstance/containerGroups for a group.
        registry: id of the container registry that the image is in; None for a public image.
        secrets: what the server reads from its environment; an app alone can be given them.
        cpu, memory_gib: of a container; the source documents'.
        concurrency: requests at once for which there is another replica of an app.
        min_instances, max_instances: replicas of an app; a group is one.
        log_days: how long logs are kept.
        protect: refuse to delete what holds sessions.
    """

    location: AzureLocation
    image: Image
    config: CloudServerConfig
    kind: AzureContainerKind = AzureContainerKind.APP
    public: bool = False
    subnet: str | None = None
    registry: str | None = None
    secrets: AzureSecrets | None = None
    cpu: float = 0.5
    memory_gib: float = 1.0
    concurrency: int = 100
    min_instances: int = 1
    max_instances: int = 10
    log_days: int = 30
    protect: bool = False


_STOPS = "a group lets nobody say when it ends (Azure Container Instances, REST API)"


def problems_of(args: AzureContainerArgs) -> list[Problem]:
    """Everything about ``args`` that cannot work."""
    app = args.kind is AzureContainerKind.APP
    return [
        *AZURE_LOG_DAYS.problems("log_days", args.log_days, fix="set 30 to 730"),
        *_registry_problems(args),
        *([] if app else drain_problems(args.config, stops=_STOPS)),
        *(_app_problems(args) if app else _group_problems(args)),
    ]


def _app_problems(args: AzureContainerArgs) -> list[Problem]:
    budget = args.config.budget
    problems = [
        *(args.secrets.problems() if args.secrets else []),
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
    ]
    problems += instances_problems(args.min_instances, args.max_instances)
    problems += name_problems(args.config)
    quarters = args.cpu * 4
    if quarters not in range(1, 17) or args.memory_gib != args.cpu * 2:
        problems.append(
            Problem(
                "cpu",
                f"is {args.cpu:g}, with {args.memory_gib:g} GiB",
                "the cloud refuses it: 0.25 to 4 processors by quarters, each with twice as many "
                "GiB (Azure Container Apps, Containers, Allocations)",
                "set cpu to 0.5 and memory_gib to 1, or multiples of them",
            )
        )
    if not args.public and not args.subnet:
        problems.append(
            Problem(
                "subnet",
                "is missing, and public is false",
                "the app would be reached by nothing outside its own environment",
                "set the id of a subnet, or set public to true",
            )
        )
    return problems


def _group_problems(args: AzureContainerArgs) -> list[Problem]:
    """What Container Instances cannot do, or could do only unsafely."""
    source = "Azure Container Instances, REST API, Container groups"
    checks = (
        (
            args.public,
            "public",
            "is true, but a container group has no TLS of its own",
            "every bearer token would cross the internet in clear text",
            "set kind to app, or put a gateway with a certificate before it and public to false",
        ),
        (
            args.subnet is None,
            "subnet",
            "is missing",
            "without one a group's only address is a public one, in clear text",
            "set the id of a subnet delegated to Microsoft.ContainerInstance/containerGroups",
        ),
        (
            args.config.domain is None,
            "config.domain",
            "is missing",
            "a group has no host name and no certificate, so that no mcp_url could be said",
            "set it to the host name of the gateway that stands before it",
        ),
        (
            args.secrets is not None,
            "secrets",
            "are named, but a group's variables take values alone, no reference to Key Vault",
            f"their values would stand in the program and in its state ({source})",
            "set kind to app",
        ),
        (
            args.max_instances > 1 and args.max_instances != AzureContainerArgs.max_instances,
            "max_instances",
            f"is {args.max_instances}, but a group is one instance",
            "it would not scale",
            "leave it out, or set kind to app",
        ),
    )
    return [Problem(*words) for wrong, *words in checks if wrong]


def _registry_problems(args: AzureContainerArgs) -> list[Problem]:
    server = args.image.partition("/")[0]
    own = registry_server(args.registry) if args.registry else None
    if not server.endswith(".azurecr.io") or server == own:
        return []
    return [
        Problem(
            "registry",
            f"is {own}, and the image is in {server}" if own else "is missing",
            "the identity would have no right to pull the image",
            f"set the id of the registry {server.partition('.')[0]}",
        )
    ]


def registry_server(registry: str) -> str:
    """The host name that images of a registry begin with."""
    return f"{registry.rpartition('/')[2].lower()}.azurecr.io"
