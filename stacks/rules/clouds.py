"""Rules between what is switched on in the clouds and the rest of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from components.base.image_reference import has_digest
from components.base.problems import Problem
from components.clouds import CLOUDS, Cloud

from ..cloud_user_servers import placed
from ..config.cloud_servers import ServerSection
from ..config.stack import StackConfig
from ..targets import TARGETS
from ..targets.target import KINDS, CloudRule, CloudSections, Server, Shared
from .rule import Rule, at, path_of


@dataclass(frozen=True, kw_only=True)
class ServerInCloud:
    """A server whose section is in the stack file."""

    kind: str
    cloud: str
    section: ServerSection
    server: Server[Any, Any]

    @property
    def path(self) -> str:
        """Its section: ``serverless.aws``."""
        return f"{self.kind}.{self.cloud}"


def servers(config: StackConfig) -> list[ServerInCloud]:
    """Every server that has a section, switched on or off."""
    return [
        ServerInCloud(kind=kind, cloud=cloud.key, section=section, server=server)
        for kind, sections in zip(KINDS, (config.serverless, config.containers), strict=True)
        for cloud in CLOUDS
        if (section := sections.of(cloud.key)) and (server := TARGETS[cloud.key].server(kind))
    ]


def switched_on(config: StackConfig) -> list[ServerInCloud]:
    """Every server that is deployed."""
    return [each for each in servers(config) if each.section.enabled]


def shared(config: StackConfig) -> Shared:
    """What holds for the servers of every cloud."""
    return Shared(
        environment=config.environment,
        image=config.images.server,
        tls_minimum=config.edge.tls_minimum,
        log_level=config.log_level,
        user_images={name: s.image for name, s in config.servers.items() if s.image},
    )


def _used(config: StackConfig) -> Iterator[tuple[str, str, str]]:
    """Each cloud that something is deployed to: what says so, and how to stop it."""
    for each in switched_on(config):
        yield each.cloud, f"{each.path} is switched on", f"set {each.path}.enabled: false"
    for one in placed(config):
        path = path_of("servers", one.name, "targets")
        yield one.cloud, f"{path} has {one.target}", f"remove {one.target} from {path}"


def every_cloud_has_a_location(config: StackConfig) -> Iterator[Problem]:
    """A cloud with a server has a section that says where in it."""
    titles = {cloud.key: cloud.title for cloud in CLOUDS}
    for cloud, why, otherwise in _used(config):
        if config.clouds.of(cloud) is None:
            yield at(
                f"clouds.{cloud}",
                f"is missing, and {why}",
                f"it is not known where in {titles[cloud]} to deploy it",
                f"set it, or {otherwise}",
            )


def something_is_deployed(config: StackConfig) -> Iterator[Problem]:
    """A stack has at least one server."""
    if not config.kubernetes.enabled and not [*_used(config)]:
        yield at(
            "kubernetes.enabled",
            "is false, and nothing is switched on in serverless, containers or servers",
            "the stack would be empty: everything that it has made would be deleted",
            "switch something on, or set it to true",
        )


def keys_can_be_fetched_from_the_clouds(config: StackConfig) -> Iterator[Problem]:
    """Outside a cluster the issuer's keys cannot be mounted, in dev either."""
    on = [*_used(config)]
    if on and config.environment == "dev" and config.protocol.jwks_url is None:
        yield at(
            "protocol.jwksUrl",
            f"is missing, and {on[0][1]}",
            "a function or a managed container can only fetch the keys, not mount them",
            "set it to the jwks_uri of your authorization server",
        )


def images_of_containers_are_pinned(config: StackConfig) -> Iterator[Problem]:
    """Outside dev an image has a digest: images.server, and its copies in the clouds."""
    unpinned: set[str] = set()
    for each in servers(config):
        if each.kind != "containers":
            continue
        copy: str | None = getattr(each.section, "image", None)
        path = f"{each.path}.image" if copy else "images.server"
        image = copy or config.images.server
        # With a cluster, images.server is checked by the cluster's rules.
        checked = not copy and config.kubernetes.enabled
        if (
            config.environment != "dev"
            and not has_digest(image)
            and not (checked or path in unpinned)
        ):
            unpinned.add(path)
            yield at(
                path,
                f"{image} has no digest",
                "a tag can be moved: an image that was never tested could run",
                f"append @sha256:… (crane digest {image})",
            )


def min_instances_are_not_more_than_max(config: StackConfig) -> Iterator[Problem]:
    """Both bounds of a scale can hold at once."""
    for each in servers(config):
        fewest: int = getattr(each.section, "min_instances", 0)
        most: int = getattr(each.section, "max_instances", fewest)
        if fewest > most:
            yield at(
                f"{each.path}.minInstances",
                f"is {fewest}, and maxInstances is {most}",
                "the cloud refuses the service",
                "raise maxInstances, or lower minInstances",
            )


def clouds_wait_for_the_drain(config: StackConfig) -> Iterator[Problem]:
    """An explicit drain is set only where every cloud in use waits for it."""
    if config.protocol.drain_seconds is None:
        return
    without = {
        each.path: f"{each.path} is switched on"
        for each in switched_on(config)
        if not each.server.drains(each.section)
    }
    for one in placed(config):
        container = TARGETS[one.cloud].containers
        if container and one.section and not container.drains(one.section):
            without.setdefault(f"containers.{one.cloud}", f"servers.{one.name} has {one.target}")
    if without:
        why = next(iter(without.values()))
        yield at(
            "protocol.drainSeconds",
            f"is {config.protocol.drain_seconds}, and {why}",
            "its cloud decides how long it waits: 10 s on Cloud Run, not at all for a function on "
            "AWS or Azure (docs/components/budget.md)",
            f"leave it out, or set {', '.join(f'{path}.enabled: false' for path in without)}",
        )


def monitored_clouds(config: StackConfig) -> list[str]:
    """Keys of the clouds whose section has ``monitoring``."""
    return [
        cloud.key
        for cloud in CLOUDS
        if TARGETS[cloud.key].monitor and getattr(config.clouds.of(cloud.key), "monitoring", None)
    ]


def monitoring_has_something_to_watch(config: StackConfig) -> Iterator[Problem]:
    """A cloud with ``monitoring`` has a server or a data store of the stack."""
    from ..data_kinds import KINDS, kind_of

    used = {cloud for cloud, _, _ in _used(config)}
    used |= {str(kind_of(config, store).tier.cloud) for store in KINDS}
    for key in monitored_clouds(config):
        if key not in used:
            yield at(
                f"clouds.{key}.monitoring",
                "is set, and the stack has no server and no data store there",
                "there would be no alarm",
                "remove it, or switch something on in serverless, containers or data",
            )


def _for_cloud(cloud: Cloud, rule: CloudRule[Any, Any, Any]) -> Rule:
    """A cloud's rule, on the sections of that cloud."""

    def apply(config: StackConfig) -> Iterable[Problem]:
        sections: CloudSections[Any, Any, Any] = CloudSections(
            location=config.clouds.of(cloud.key),
            serverless=config.serverless.of(cloud.key),
            containers=config.containers.of(cloud.key),
        )
        return rule(sections, shared(config))

    return apply


CLOUD_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("clouds", "serverless", "containers", "servers"), every_cloud_has_a_location),
    (("kubernetes.enabled", "serverless", "containers", "servers"), something_is_deployed),
    (
        ("protocol.jwksUrl", "environment", "serverless", "containers", "servers"),
        keys_can_be_fetched_from_the_clouds,
    ),
    (
        ("containers", "environment", "images.server", "kubernetes.enabled"),
        images_of_containers_are_pinned,
    ),
    (("containers", "serverless"), min_instances_are_not_more_than_max),
    (
        ("protocol.drainSeconds", "serverless", "containers", "servers"),
        clouds_wait_for_the_drain,
    ),
    (
        ("clouds", "serverless", "containers", "servers", "data"),
        monitoring_has_something_to_watch,
    ),
    *(
        (reads, _for_cloud(cloud, rule))
        for cloud in CLOUDS
        for reads, rule in TARGETS[cloud.key].rules
    ),
]
"""Each rule with the paths that it reads."""
