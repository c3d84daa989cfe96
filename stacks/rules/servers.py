"""Rules for the section `servers`: names, calls, tokens, Secrets, and the rest of the stack."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from components.base.image_reference import has_digest, has_version
from components.base.problems import Problem, nearest
from components.mcp.server_config import HTTPS

from ..config.stack import StackConfig
from ..log_flows import (
    LOG_COLLECTOR,
    LOG_RETENTION,
    has_log_collector,
    has_log_forwarder,
)
from ..monitoring import KEDA, monitoring_workloads, own_keda
from ..sink_flows import sink_parties
from ..topologies import TOPOLOGIES
from ..topologies.topology import EGRESS_PROXY, INTERNET, ISSUER_PODS, OPTIONAL_PARTIES
from ..trace_flows import TRACE_COLLECTOR, has_traces
from .rule import Rule, at, path_of

_PARTIES: Final = (*OPTIONAL_PARTIES, ISSUER_PODS, INTERNET)
_NUMBERED_PARTIES: Final = re.compile("client-pods-[0-9]+|.*-outside-[0-9]+")


def servers_need_a_gateway(config: StackConfig) -> Iterator[Problem]:
    """Servers run in a cluster, behind a gateway that can route to them."""
    if config.cluster_servers and not config.kubernetes.enabled:
        yield at(
            "servers",
            "is set, and kubernetes.enabled is false",
            "it would have no effect: these servers run in the cluster",
            "leave it out, set kubernetes.enabled: true, or name targets in a cloud alone",
        )
    elif config.cluster_servers and config.images.gateway_engine == "image":
        yield at(
            "servers",
            "is set, and images.gatewayEngine is image",
            "no configuration is generated for your image: it would have no routes to them",
            "leave images.gatewayEngine out",
        )


def a_platform_has_servers(config: StackConfig) -> Iterator[Problem]:
    """The topology ``none`` needs at least one server in the section ``servers``."""
    if config.topology == "none" and not config.cluster_servers:
        yield at(
            "servers",
            "is missing, and topology is none",
            "the platform would have no tools",
            "name a server and its image, such as weather: {image: ghcr.io/acme/weather-mcp:2.3.1}",
        )


def server_images_are_pinned(config: StackConfig) -> Iterator[Problem]:
    """Outside dev an image has a digest; in dev at least a tag that is not latest."""
    for name, server in config.servers.items():
        if server.image is None:  # images.server, which has a rule of its own
            continue
        if config.environment != "dev" and not has_digest(server.image):
            yield at(
                path_of("servers", name, "image"),
                f"{server.image} has no digest",
                "a tag can be moved: an image that was never tested could run",
                f"append @sha256:… (crane digest {server.image})",
            )
        elif not has_version(server.image):
            yield at(
                path_of("servers", name, "image"),
                f"{server.image} names no version",
                "every node may run another build",
                "append a version tag, such as :1.2.3",
            )


def server_names_are_free(config: StackConfig) -> Iterator[Problem]:
    """No server has the name of another part of the platform, or of another server's tools."""
    topology = TOPOLOGIES[config.topology]
    front, core = topology.front.service_name, topology.front.upstream
    prefixes = {s.name.removeprefix("mcp-"): s.name for s in topology.tool_servers(core)}
    observing = {*_observing(config)}
    outside = {*_PARTIES, *_outside(config)}
    for name in config.servers:
        taken = None
        if name in topology.workloads:
            taken = f"the topology {topology.name} has a workload of that name"
        elif name == EGRESS_PROXY:
            taken = "the egress proxy has that name"
        elif f"{name}-service" == front:
            taken = f"{front} is the gateway's Service"
        elif name in observing:
            taken = "a workload of monitoring has that name"
        elif name in outside or _NUMBERED_PARTIES.fullmatch(name):
            taken = "flows use that name for a party outside the platform"
        elif name in prefixes:
            taken = f"tools of {prefixes[name]} are listed as {name}__…"
        if taken:
            yield at(
                path_of("servers", name),
                f"is taken: {taken}",
                "objects, flows or tools of the two would have the same names",
                f"use another name, such as my-{name}",
            )


def _observing(config: StackConfig) -> Iterator[str]:
    """The workloads that monitor the platform."""
    yield from (one.name for one in monitoring_workloads(config))
    if has_traces(config):
        yield TRACE_COLLECTOR
    if has_log_collector(config):
        yield LOG_COLLECTOR
    if has_log_forwarder(config):
        yield LOG_RETENTION


def _outside(config: StackConfig) -> Iterator[str]:
    """The parties outside the platform that this stack has."""
    yield from (one.name for one in sink_parties(config))
    if own_keda(config):
        yield KEDA


def calls_reach_servers(config: StackConfig) -> Iterator[Problem]:
    """Servers call other servers of the section, and none calls itself, directly or not."""
    known = list(config.servers)
    for name, server in config.servers.items():
        for index, other in enumerate(server.calls):
            path = path_of("servers", name, "calls", index)
            if other == name:
                yield at(
                    path,
                    "is the server itself",
                    "its pods would call each other in a loop",
                    "leave it out; a program reaches itself at 127.0.0.1",
                )
            elif other not in known:
                guess = nearest(other, [each for each in known if each != name])
                others = ", ".join(each for each in known if each != name)
                yield at(
                    path,
                    f"is {other}, and no server of this section has that name",
                    "the network policies would drop its connections",
                    f"write {guess}" if guess else f"one of: {others or 'none'}",
                )
            elif other in server.calls[:index]:
                yield at(
                    path,
                    f"is {other}, which is listed already",
                    "after one of them is removed, the flow would still be allowed",
                    "list each server once",
                )
    yield from _cycles(config)


def _cycles(config: StackConfig) -> Iterator[Problem]:
    """A problem for the first server of each cycle of calls."""
    calls = {
        name: [other for other in server.calls if other in config.servers and other != name]
        for name, server in config.servers.items()
    }
    told: set[str] = set()
    for name in calls:
        way = _path_of_calls(calls, name, name)
        if way and not told & {*way}:
            told |= {*way}
            yield at(
                path_of("servers", name, "calls"),
                f"leads back to it: {' → '.join([*way, name])}",
                "servers that wait for each other keep calls open until these time out",
                "remove one of these calls",
            )


def _path_of_calls(calls: dict[str, list[str]], start: str, end: str) -> list[str]:
    """The shortest path of calls from ``start`` to ``end``, without ``end``."""
    seen = {start}
    ways = [[start]]
    for way in ways:  # the list grows during the iteration
        for other in calls[way[-1]]:
            if other == end:
                return way
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def host_names_differ(config: StackConfig) -> Iterator[Problem]:
    """Each host name is of one server, and none is the platform's own."""
    seen = {config.domain: "domain"} if config.domain else {}
    seen |= {name: "one of additionalDomains" for name in config.additional_domains}
    for name, server in config.servers.items():
        if server.hostname is None:
            continue
        if other := seen.get(server.hostname):
            yield at(
                path_of("servers", name, "hostname"),
                f"is {server.hostname}, as {other} is",
                "the gateway could not tell their requests apart",
                "give it a host name of its own, or leave it out: it has a path at the domain",
            )
        seen.setdefault(server.hostname, path_of("servers", name, "hostname"))


def tokens_are_checked_once(config: StackConfig) -> Iterator[Problem]:
    """Fields of the gateway's check are set where the gateway checks."""
    for name, server in config.servers.items():
        for field, is_set in {
            "scopes": bool(server.scopes),
            "forwardToken": server.forward_token,
        }.items():
            if is_set and server.auth == "server":
                yield at(
                    path_of("servers", name, field),
                    "is set, and auth is server",
                    "it would have no effect: the image gets every request with its token",
                    "leave it out, or set auth: gateway",
                )
        for scope, count in Counter(server.scopes).items():
            if count > 1:
                yield at(
                    path_of("servers", name, "scopes", server.scopes.index(scope)),
                    f"{scope} is listed {count} times",
                    "the metadata would list it as often",
                    "list each scope once",
                )


def drains_outlive_calls(config: StackConfig) -> Iterator[Problem]:
    """The gateway's drain is longer than a call of any server."""
    drain = config.protocol.drain_seconds
    for name, server in config.servers.items():
        longest = server.longest_tool_seconds
        if drain and longest and drain <= longest:
            yield at(
                path_of("servers", name, "longestToolSeconds"),
                f"is {longest} s, and protocol.drainSeconds is {drain}",
                "every rollout of the gateway would interrupt its calls",
                f"leave protocol.drainSeconds out, or set it to more than {longest}",
            )


def server_ports_are_free(config: StackConfig) -> Iterator[Problem]:
    """The image does not listen where the TLS proxy in its pods does."""
    for name, server in config.servers.items():
        if server.port == HTTPS:
            yield at(
                path_of("servers", name, "port"),
                f"is {HTTPS}, where nginx accepts TLS in the same pods",
                "one of the two would not start",
                "let the image listen on another port, such as 8000, and write that",
            )


SERVER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers", "topology"), a_platform_has_servers),
    (("servers", "environment"), server_images_are_pinned),
    (("servers", "topology", "observability"), server_names_are_free),
    (("servers",), calls_reach_servers),
    (("servers", "domain", "additionalDomains"), host_names_differ),
    (("servers",), tokens_are_checked_once),
    (("servers", "protocol.drainSeconds"), drains_outlive_calls),
    (("servers",), server_ports_are_free),
]
"""Each rule with what it reads."""
