"""Rules for servers of the topology, and for the volumes, stores and paths of servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem, nearest

from ..config.stack import StackConfig
from ..placement import placement
from ..services import topology
from ..store_args import store_passwords, store_variables
from ..topologies import TOPOLOGIES
from .rule import Rule, at, path_of

RESERVED: Final = ("/servers", "/mcp", "/ws", "/health", "/authorize")
"""Paths of the gateway itself, with everything below them."""
_CLAIM_OF_A_POD: Final = re.compile(r".+-[0-9]+")


def servers_have_images(config: StackConfig) -> Iterator[Problem]:
    """Only servers of the topology are without an image: the reference server stands in."""
    own = TOPOLOGIES[config.topology].servers
    for name, server in config.servers.items():
        if server.image is None and name not in own:
            guess = nearest(name, list(own))
            fix = "write registry/name:tag, such as ghcr.io/acme/weather-mcp:2.3.1"
            yield at(
                path_of("servers", name, "image"),
                "is missing",
                "there is nothing to run",
                fix + (f"; or write {guess}, a server of the topology" if guess else ""),
            )


def stand_ins_have_nothing_of_an_image(config: StackConfig) -> Iterator[Problem]:
    """Fields that describe an image's program are set where there is an image."""
    own = TOPOLOGIES[config.topology].servers
    for name, server in config.servers.items():
        if server.image is not None or name not in own:
            continue
        set_fields = {
            "command": bool(server.command),
            "transport": server.transport == "stdio",
            "auth": server.auth == "server",
            "targets": server.targets != ["kubernetes"],
        }
        for field in (field for field, is_set in set_fields.items() if is_set):
            yield at(
                path_of("servers", name, field),
                "is set, and image is missing",
                "it would have no effect: the reference server runs in place of an image",
                f"set servers.{name}.image, or leave it out",
            )


def used_stores_are_there(config: StackConfig) -> Iterator[Problem]:
    """A server uses stores of the topology, each named once, and no variable is set twice."""
    data = topology(config).data
    for name, server in config.servers.items():
        for index, store in enumerate(server.uses):
            path = path_of("servers", name, "uses", index)
            if store not in data:
                yield at(
                    path,
                    f"is {store}, which the topology {config.topology} does not have",
                    "the server would get the address of a store that does not exist",
                    f"leave it out, choose a topology with {store}, or a kind of it that runs "
                    "elsewhere",
                )
            elif store in server.uses[:index]:
                yield at(
                    path,
                    f"is {store}, which is listed already",
                    "after one of them is removed, the flow would still be allowed",
                    "list each store once",
                )
        described = store_variables(config, name, server), store_passwords(config, name, server)
        for variable in (name for each in described for name in each):
            for field in ("env", "secretEnv"):
                given = server.env if field == "env" else server.secret_env
                if variable in given:
                    yield at(
                        path_of("servers", name, field, variable),
                        "is set, and the server uses the data store that it describes",
                        "the container would have the variable twice",
                        "leave it out, or remove the store from uses",
                    )


def stores_are_used(config: StackConfig) -> Iterator[Problem]:
    """A data store of the topology has a workload that may connect to it."""
    chosen = topology(config)
    for store in chosen.data:
        if chosen.servers and not any(flow.target == store for flow in chosen.flows):
            yield at(
                "servers",
                f"has no server that uses {store}",
                "it would run with a volume, and no workload could connect to it",
                f"add {store} to uses of a server, or choose the topology none",
            )


def volumes_are_there_and_used(config: StackConfig) -> Iterator[Problem]:
    """Servers mount volumes of the section ``data``, and each of those is mounted."""
    known, mounted = list(config.data.volumes), set[str]()
    for name, server in config.cluster_servers.items():
        for volume in server.volumes:
            mounted.add(volume)
            if volume not in known:
                guess = nearest(volume, known)
                yield at(
                    path_of("servers", name, "volumes", volume),
                    "names a volume that data.volumes does not have",
                    "the pods would stay pending",
                    f"write {guess}" if guess else f"add {volume} to data.volumes",
                )
    for volume in known:
        path = path_of("data", "volumes", volume)
        if volume not in mounted:
            yield at(
                path,
                "is mounted by no server",
                "it would take up storage and hold nothing",
                "name it in volumes of a server, or leave it out",
            )
        if _CLAIM_OF_A_POD.fullmatch(volume):
            yield at(
                path,
                "ends with a dash and a number, as claims of single pods do",
                "it could be the claim of a data store",
                f"write another name, such as {volume.rstrip('0123456789').rstrip('-')}",
            )


def path_prefixes_are_free(config: StackConfig) -> Iterator[Problem]:
    """Each server has paths of its own at the gateway."""
    seen: dict[str, str] = {}
    for name, server in config.cluster_servers.items():
        prefix = server.path_prefix
        if prefix is None:
            continue
        path = path_of("servers", name, "pathPrefix")
        if any(prefix == taken or prefix.startswith(f"{taken}/") for taken in RESERVED):
            yield at(
                path,
                f"is {prefix}, a path of the gateway itself",
                "requests would reach the wrong server",
                f"write another path, such as /{name}",
            )
        if prefix in seen:
            yield at(
                path,
                f"is {prefix}, as {seen[prefix]} is",
                "the gateway could not tell their requests apart",
                "give each server a path of its own",
            )
        seen.setdefault(prefix, path)


def namespaces_are_there_and_used(config: StackConfig) -> Iterator[Problem]:
    """Keys of namespaces exist and are used, and no two of them have the same namespace."""
    chosen = TOPOLOGIES[config.topology]
    entries = [server.get("namespace") for server in chosen.servers.values()]
    own = {place for place in (*chosen.places.values(), *entries) if place}
    named, used = config.kubernetes.namespaces, {*own, *placement(config).places.values()}
    for name, server in config.cluster_servers.items():
        place = server.namespace
        if place is None:
            continue
        if place not in own and place not in named:
            known = sorted({*own, *named})
            guess = nearest(place, known)
            yield at(
                path_of("servers", name, "namespace"),
                f"is {place}, and kubernetes.namespaces has no such key",
                "the server would run in a namespace that nothing else names",
                f"write {guess}" if guess else f"add {place} to kubernetes.namespaces",
            )
        if server.volumes:
            yield at(
                path_of("servers", name, "volumes"),
                "is set, and namespace is as well",
                "the claims are in the platform's own namespace: the pods would not start",
                "leave one of the two out",
            )
    seen = {config.namespace: "kubernetes.namespace"}
    for place, namespace in placement(config).namespaces.items():
        path = path_of("kubernetes", "namespaces", place)
        if namespace in seen:
            yield at(
                path,
                f"is {namespace}, as {seen[namespace]} is",
                "two components would make one namespace, and each would delete it",
                "name a namespace of its own, or leave it out",
            )
        if namespace == "default" or namespace.startswith("kube-"):
            yield at(
                path,
                f"is {namespace}, which belongs to the cluster",
                "its other workloads would lose connections, and be deleted with the stack",
                "choose a name of your own",
            )
        seen.setdefault(namespace, path)
    for place in named:
        if place not in used:
            yield at(
                path_of("kubernetes", "namespaces", place),
                "is used by no workload",
                "it would have no effect",
                "name it in namespace of a server, or leave it out",
            )


def hidden_servers_have_nothing_of_the_gateway(config: StackConfig) -> Iterator[Problem]:
    """Fields of a route are set only if clients reach the server; each server can be called."""
    for name, server in config.cluster_servers.items():
        if server.exposed:
            continue
        set_fields = {
            "pathPrefix": server.path_prefix is not None,
            "hostname": server.hostname is not None,
            "rateLimit": server.rate_limit is not None,
            "forwardToken": server.forward_token,
        }
        for field in (field for field, is_set in set_fields.items() if is_set):
            yield at(
                path_of("servers", name, field),
                "is set, and exposed is false",
                "it would have no effect: clients do not reach the server at the gateway",
                "leave it out, or leave exposed out",
            )
        if server.auth == "server":
            yield at(
                path_of("servers", name, "exposed"),
                "is false, and auth is server",
                "nothing could call the server: it is not in the list at /mcp either",
                "leave it out, or set auth: gateway",
            )


TOPOLOGY_SERVER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers", "topology"), servers_have_images),
    (("servers", "topology"), stand_ins_have_nothing_of_an_image),
    (("servers", "topology"), used_stores_are_there),
    (("servers", "topology"), stores_are_used),
    (("servers", "data.volumes"), volumes_are_there_and_used),
    (("servers",), path_prefixes_are_free),
    (("servers", "kubernetes", "topology"), namespaces_are_there_and_used),
    (("servers",), hidden_servers_have_nothing_of_the_gateway),
]
"""Each rule with what it reads."""
