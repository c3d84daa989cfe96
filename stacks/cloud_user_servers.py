"""The user's servers in the clouds: where each goes, and what its component is given."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from components.base.quantities import quantity
from components.mcp.user_container import UserContainer

from .config.cloud_servers import ServerSection
from .config.section import Section
from .config.servers import CLOUDS_BY_TARGET, Server
from .config.stack import StackConfig
from .server_budgets import budget
from .targets import TARGETS
from .targets.target import Deployment, UserImage, UserServers
from .user_server_args import command
from .user_servers import user_service

MIB = 2**20
TEMPORARY = "/tmp"  # noqa: S108  (every container has it)


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A user's server with one of its targets in a cloud.

    Attributes:
        section: ``containers.<cloud>``; None where it is absent.
        entry: ``containers.<cloud>.servers.<name>``; None where it is absent.
    """

    name: str
    server: Server
    target: str
    cloud: str
    kind: UserServers[Any, Any]
    section: ServerSection | None
    entry: Section | None

    @property
    def path(self) -> str:
        """The path of its entry."""
        return f"containers.{self.cloud}.servers.{self.name}"

    @property
    def secrets(self) -> dict[str, str]:
        """Its secrets in the cloud's store, by environment variable."""
        return getattr(self.entry, "secrets", {})


def placed(config: StackConfig) -> Iterator[Placed]:
    """Each server with each of its targets in a cloud."""
    for name, server in config.servers.items():
        for target in server.targets:
            if cloud := CLOUDS_BY_TARGET.get(target):
                kind = TARGETS[cloud].containers
                assert kind is not None
                assert kind.user_servers is not None  # CLOUDS_BY_TARGET has those only
                section = config.containers.of(cloud)
                yield Placed(
                    name=name,
                    server=server,
                    target=target,
                    cloud=cloud,
                    kind=kind.user_servers,
                    section=section,
                    entry=getattr(section, "servers", {}).get(name),
                )


def user_image(config: StackConfig, one: Placed) -> UserImage:
    """The image of a server, at its scale."""
    server, service = one.server, user_service(one.name, one.server, config)
    scaling = service.scaling
    container = UserContainer(
        image=getattr(one.entry, "image", None) or server.image or "",
        port=server.port,
        path=server.path,
        health="/ready" if server.transport == "stdio" else server.health,
        command=command(config, one.name, server),
        env=server.env,
        writable=[path for path in server.writable if path != TEMPORARY],
        **({"user": server.user} if server.user is not None else {}),
        cpu=float(quantity(server.resources.cpu)),
        memory_mb=math.ceil(quantity(server.resources.memory_limit) / MIB),
        forward_token=server.forward_token,
    )
    return UserImage(
        container=container,
        min_instances=scaling.min if scaling else service.replicas,
        max_instances=scaling.max if scaling else service.replicas,
        cpu_target=(scaling.cpu if scaling else None) or 70,
    )


def deployment_of(config: StackConfig, one: Placed, shared: Deployment) -> Deployment:
    """What the server in front of the image is configured with."""
    required = [*shared.config.auth.required_scopes, *one.server.scopes]
    settings = replace(
        shared.config,
        auth=replace(shared.config.auth, required_scopes=list(dict.fromkeys(required))),
        era=one.server.era,
        budget=budget(config, one.server),
        json_answers=False,  # answers are the image's
    )
    return replace(shared, config=settings)
