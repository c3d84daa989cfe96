"""Rules for servers of the user in the clouds: what a cloud cannot give is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from components.base.image_reference import has_digest
from components.base.problems import Problem
from components.mcp.era import has_sessions
from components.mcp.server_config import HTTP, HTTPS

from ..cloud_user_servers import TEMPORARY, placed
from ..config.servers import CLOUDS_BY_TARGET, Server
from ..config.stack import StackConfig
from ..user_servers import user_service
from .rule import Rule, at, path_of
from .server_environment import SERVER_ENVIRONMENT_RULES
from .server_fields import SERVER_FIELD_RULES
from .servers import SERVER_RULES


def targets_are_listed_once(config: StackConfig) -> Iterator[Problem]:
    """Each target of a server is listed once."""
    for name, server in config.servers.items():
        for index, target in enumerate(server.targets):
            if target in server.targets[:index]:
                yield at(
                    path_of("servers", name, "targets", index),
                    f"is {target}, which is listed already",
                    "it would be deployed there once",
                    "list each target once",
                )


def targets_have_their_sections(config: StackConfig) -> Iterator[Problem]:
    """A target has the section of its cloud with an entry, and an entry has its target."""
    for one in placed(config):
        if one.section is None or one.entry is None:
            yield at(
                one.path if one.section else f"containers.{one.cloud}",
                f"is missing, and {path_of('servers', one.name, 'targets')} has {one.target}",
                "it is not known how clients reach the server there",
                f"set containers.{one.cloud}.servers.{one.name}, and, without the reference server "
                f"there, containers.{one.cloud}.enabled: false",
            )
    targeted = {(one.cloud, one.name) for one in placed(config)}
    for target, cloud in CLOUDS_BY_TARGET.items():
        section = config.containers.of(cloud)
        for name in getattr(section, "servers", {}):
            if (cloud, name) not in targeted:
                known = name in config.servers
                yield at(
                    path_of("containers", cloud, "servers", name),
                    f"is set, and servers.{name}.targets has no {target}"
                    if known
                    else f"is set, and there is no servers.{name}",
                    "it would have no effect",
                    f"add {target} to servers.{name}.targets, or leave it out",
                )


def clouds_give_what_servers_ask_for(config: StackConfig) -> Iterator[Problem]:
    """Fields that need the cluster are set only where a server is in the cluster alone."""
    for name, server in config.servers.items():
        outside = [target for target in server.targets if target in CLOUDS_BY_TARGET]
        if not outside:
            continue
        for steps, consequence, fix in _lacking(server, in_cluster=server.in_cluster):
            yield at(
                path_of("servers", name, *steps),
                f"is set, and targets has {outside[0]}",
                consequence,
                fix,
            )


def each_cloud_gives_what_servers_ask_for(config: StackConfig) -> Iterator[Problem]:
    """Fields that one cloud has and another lacks are set only where all targets have them."""
    for one in placed(config):
        server = one.server
        given = {
            "user": server.user is not None,
            "writable": {*server.writable} - {TEMPORARY} != set(),
            "scale.cpu": server.scale is not None and "cpu" in server.scale.model_fields_set,
        }
        for field in one.kind.lacks:
            if given[field]:
                consequence, fix = _LACKED[field]
                yield at(
                    path_of("servers", one.name, *field.split(".")),
                    f"is set, and targets has {one.target}, where there is no such setting",
                    consequence,
                    f"{fix}, or remove {one.target}",
                )


_LACKED: Final = {
    "user": (
        "it would have no effect: the container runs as the image's USER",
        "leave it out, and set USER in the image",
    ),
    "writable": (
        "it would have no effect: the whole file system is writable, in memory",
        "leave it out, and create the directories in the image",
    ),
    "scale.cpu": (
        "it would have no effect: the cloud adds instances by its own measure",
        "leave it out",
    ),
}
_ALONE: Final = ", or let it run in kubernetes alone"


def _lacking(server: Server, *, in_cluster: bool) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Each field that no cloud can give, with the consequence and the fix."""
    if server.storage:
        yield (
            ("storage",),
            "a container there has no volume: its files would be lost with each instance",
            f"store them in a service of the cloud, and leave storage out{_ALONE}",
        )
    if server.files:
        yield (
            ("files",),
            "a container there mounts no text files",
            f"put them into the image{_ALONE}",
        )
    if server.calls:
        yield (
            ("calls",),
            "other servers have no address inside of that cloud's network",
            f"let the program call their public URLs with a token, and leave calls out{_ALONE}",
        )
    for field in ("hosts", "networks"):
        if getattr(server.egress, field):
            yield (
                ("egress", field),
                "there is no egress proxy and no policy for it: it shares the network of its task",
                f"allow them in the cloud's network, and leave it out{_ALONE}",
            )
    if server.auth == "server":
        yield (
            ("auth",),
            "the server in front of the image checks every token, and serves its own metadata",
            f"leave it out; with forwardToken: true the image gets the token as well{_ALONE}",
        )
    if server.rate_limit:
        yield (
            ("rateLimit",),
            "there is no gateway that counts requests of an address",
            f"leave it out: limits.messagesPerSecond holds for each user there{_ALONE}",
        )
    if server.hostname and not in_cluster:
        yield (
            ("hostname",),
            "it would have no effect: the gateway in the cluster serves it",
            "leave it out; the entry of the cloud says the host name there",
        )
    if server.port in (HTTP, HTTPS):
        yield (
            ("port",),
            f"the server in front of the image listens on {HTTP} and {HTTPS} in the same task",
            f"let the image listen on another port, such as 8000{_ALONE}",
        )
    if server.scale and server.scale.memory is not None:
        yield (
            ("scale", "memory"),
            "there, instances are added by their use of CPU alone",
            f"leave it out, and set scale.cpu{_ALONE}",
        )
    for field, written in (
        ("ephemeral_storage", "ephemeralStorage"),
        ("ephemeral_storage_limit", "ephemeralStorageLimit"),
    ):
        if field in server.resources.model_fields_set:
            yield (
                ("resources", written),
                "it would have no effect: directories that the program may write are in memory",
                f"leave it out, and set resources.memoryLimit{_ALONE}",
            )


def sessions_have_one_instance(config: StackConfig) -> Iterator[Problem]:
    """An image with sessions in its memory has one instance: there is no affinity by address."""
    for one in placed(config):
        service = user_service(one.name, one.server, config)
        most = service.scaling.max if service.scaling else service.replicas
        if has_sessions(one.server.era) and most > 1:
            field = "scale" if service.scaling else "replicas"
            yield at(
                path_of("servers", one.name, "era"),
                f"is {one.server.era}, targets has {one.target}, and {field} is for {most} of it",
                "a client whose next request reaches another instance would lose its session: "
                "affinity is by a cookie there, which many clients ignore",
                f"set era: modern if the image speaks that, or replicas: 1{_ALONE}",
            )


def secrets_have_their_places(config: StackConfig) -> Iterator[Problem]:
    """Each variable of secretEnv has a secret in the cloud's store, and no other has one."""
    for one in placed(config):
        if one.entry is None:
            continue
        for variable in one.server.secret_env:
            if variable not in one.secrets:
                yield at(
                    f"{one.path}.secrets.{variable}",
                    f"is missing, and servers.{one.name}.secretEnv has {variable}",
                    "a Secret of the cluster is not in the cloud: the program would not have it",
                    "store it in the cloud's secret store, and name that here",
                )
        for variable in one.secrets:
            if variable not in one.server.secret_env:
                yield at(
                    f"{one.path}.secrets.{variable}",
                    f"is set, and servers.{one.name}.secretEnv has no {variable}",
                    "the server would have it in this cloud alone",
                    "add the variable to secretEnv, or leave it out here",
                )


def copies_are_pinned(config: StackConfig) -> Iterator[Problem]:
    """Outside dev a copy of an image has a digest."""
    for one in placed(config):
        copy: str | None = getattr(one.entry, "image", None)
        if copy and config.environment != "dev" and not has_digest(copy):
            yield at(
                f"{one.path}.image",
                f"{copy} has no digest",
                "a tag can be moved: an image that was never tested could run",
                f"append @sha256:… (crane digest {copy})",
            )


def _without_a_cluster(rule: Rule) -> Rule:
    """A rule of the cluster that holds for servers in the clouds too."""

    def apply(config: StackConfig) -> Iterable[Problem]:
        return () if config.kubernetes.enabled else rule(config)

    return apply


_EVERYWHERE: Final = frozenset(
    {
        "server_images_are_pinned",
        "tokens_are_checked_once",
        "drains_outlive_calls",
        "transports_can_be_served",
        "variables_are_no_credentials",
        "pods_can_be_scaled",
        "mounts_do_not_hide_the_image",
    }
)
"""Rules for servers that are asked where there is no cluster as well."""

SERVER_TARGET_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers",), targets_are_listed_once),
    (("servers", "containers"), targets_have_their_sections),
    (("servers",), clouds_give_what_servers_ask_for),
    (("servers", "containers"), each_cloud_gives_what_servers_ask_for),
    (("servers", "environment"), sessions_have_one_instance),
    (("servers", "containers"), secrets_have_their_places),
    (("servers", "containers", "environment"), copies_are_pinned),
    *(
        (("kubernetes.enabled", *reads), _without_a_cluster(rule))
        for reads, rule in (*SERVER_RULES, *SERVER_ENVIRONMENT_RULES, *SERVER_FIELD_RULES)
        if getattr(rule, "__name__", "") in _EVERYWHERE
    ),
]
"""Each rule with what it reads."""
