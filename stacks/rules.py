"""What must hold between sections: each rule a function, all of them asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .capacity import the_quota_fits
from .config import Cidr, StackConfig
from .problems import Problem, nearest
from .topologies import TOPOLOGIES
from .topologies.topology import Role

Rule = Callable[[StackConfig], Iterable[Problem]]


def broken_rules(config: StackConfig, *, given: set[str], sound: set[str]) -> list[Problem]:
    """The problems of every rule whose sections are all sound (``given`` ones may not be)."""
    broken = given - sound
    return [
        problem
        for sections, rule in RULES
        if not broken & set(sections)
        for problem in rule(config)
    ]


def _at(path: str, what: str, consequence: str, fix: str) -> Problem:
    return Problem(f"qudag-mcp:{path}", what, consequence, fix)


def drain_outlives_the_longest_tool(config: StackConfig) -> Iterator[Problem]:
    """A stopping server waits longer than any call may take."""
    protocol = config.protocol
    if (drain := protocol.drain_seconds) and drain <= protocol.longest_tool_seconds:
        yield _at(
            "protocol.drainSeconds",
            f"is {drain} s, but a tool may run {protocol.longest_tool_seconds} s",
            "calls in flight would be cut at every rollout",
            f"leave it out, or set at least {protocol.longest_tool_seconds + 5}",
        )


def images_are_pinned(config: StackConfig) -> Iterator[Problem]:
    """Outside dev an image is its digest; in dev it has at least a tag that is not latest."""
    for name, image in config.images.model_dump(by_alias=True, exclude_none=True).items():
        if name in ("gatewayEngine", "qudagProfile"):
            continue
        tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        if config.environment != "dev" and "@sha256:" not in image:
            yield _at(
                f"images.{name}",
                f"{image} has no digest",
                "what runs tomorrow may not be what was tested today",
                f"append @sha256:… (crane digest {image})",
            )
        elif "@" not in image and tag in ("", "latest"):
            yield _at(
                f"images.{name}",
                f"{image} names no version",
                "every node may run another build",
                "append a version tag, such as :1.2.3",
            )


def a_domain_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """Certificates and tokens name a host; without one, any host would do."""
    if config.environment != "dev" and config.domain is None:
        yield _at(
            "domain",
            "is missing",
            "the servers would answer to any host name, and no certificate could be right",
            "set it to the platform's public name, such as mcp.example.com",
        )


def a_context_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """A stack that people depend on says which cluster it belongs to."""
    if config.environment != "dev" and config.kubernetes.context is None:
        yield _at(
            "kubernetes.context",
            "is missing",
            "it would go to whichever cluster the kubeconfig happens to point at",
            "set it to a name from: kubectl config get-contexts -o name",
        )


def an_issuer_outside_dev(config: StackConfig) -> Iterator[Problem]:
    """Keys made for a local cluster must never sign for a real one."""
    if config.environment == "dev":
        return
    if config.protocol.jwks_url is None:
        yield _at(
            "protocol.jwksUrl",
            "is missing",
            "tokens could only be signed by keys that `up` makes for local clusters",
            "set it to the jwks_uri of your authorization server",
        )
    for field, default in (("issuer", "https://issuer.qudag-mcp.internal"),):
        if getattr(config.protocol, field) == default:
            yield _at(
                f"protocol.{field}",
                "is the placeholder of a local cluster",
                "no real authorization server signs for it: every call would be refused",
                "set it to the issuer of your authorization server",
            )


def the_issuer_can_be_reached(config: StackConfig) -> Iterator[Problem]:
    """With keys at a URL, the servers need a way to it."""
    if config.protocol.jwks_url and not config.network.issuer:
        yield _at(
            "network.issuer",
            "is empty, but the servers fetch keys from protocol.jwksUrl",
            "the network policies would drop that: every token would be refused",
            "list the networks of your authorization server",
        )


def networks_are_real(config: StackConfig) -> Iterator[Problem]:
    """Every CIDR is one, and none of those we send to is the whole internet."""
    network = config.network
    lists: dict[str, list[Cidr]] = {
        "clients": network.clients,
        "issuer": network.issuer,
        "qudagPeers": network.qudag_peers,
    }
    for name, cidrs in lists.items():
        for index, cidr in enumerate(cidrs):
            path = f"network.{name}[{index}]"
            try:
                everything = ipaddress.ip_network(cidr).prefixlen == 0
            except ValueError as error:
                yield _at(
                    path,
                    str(error),
                    "the API server refuses the network policy",
                    "write a network such as 10.0.0.0/8, with no bits set behind the mask",
                )
                continue
            if everything:
                yield _at(
                    path,
                    f"{cidr} is every address there is",
                    "the platform would be open to the world without saying so",
                    "set network.public: true"
                    if name == "clients"
                    else "name the networks that are meant",
                )


def somebody_can_reach_the_gateway(config: StackConfig) -> Iterator[Problem]:
    """A gateway with an address takes connections from someone."""
    network = config.network
    if network.public and network.clients:
        yield _at(
            "network.clients",
            "is set although network.public is true",
            "the list would be ignored",
            "leave one of the two out",
        )
    if config.edge.load_balancer and not (network.public or network.clients):
        yield _at(
            "network.clients",
            "is empty, but edge.loadBalancer gives the gateway an address",
            "the network policies would drop every client",
            "list the networks of your clients, or set network.public: true",
        )


def scaling_names_services(config: StackConfig) -> Iterator[Problem]:
    """Every entry is a service of the topology, scaled in one of the two ways."""
    names = [service.name for service in TOPOLOGIES[config.topology].services]
    for name, scale in config.scaling.items():
        path = f"scaling.{name}"
        if name not in names:
            guess = nearest(name, names)
            yield _at(
                path,
                f"the topology {config.topology} has no such service",
                "it would have no effect",
                f"write {guess}" if guess else f"one of: {', '.join(names)}",
            )
        if scale.replicas is not None and (scale.min is not None or scale.max is not None):
            yield _at(
                path,
                "has replicas and also min or max",
                "the autoscaler and the program would fight over the number of pods",
                "leave out replicas, or min and max",
            )
        if (scale.min is None) != (scale.max is None):
            lacking = "min" if scale.min is None else "max"
            yield _at(
                f"{path}.{lacking}",
                "is missing",
                "the autoscaler needs both bounds",
                f"set {lacking} as well",
            )
        elif scale.min is not None and scale.max is not None and scale.min > scale.max:
            yield _at(
                path,
                f"min is {scale.min}, max is {scale.max}",
                "the API server refuses the autoscaler",
                "raise max, or lower min",
            )


def sessions_stay_with_their_pod(config: StackConfig) -> Iterator[Problem]:
    """A legacy session lives in the memory of one pod."""
    if config.protocol.era == "modern":
        return
    for service in TOPOLOGIES[config.topology].services:
        if service.role not in (Role.CORE, Role.MONOLITH):
            continue
        scale = config.scaling.get(service.name)
        most = service.scaling.max if service.scaling else service.replicas
        if scale and (scale.max or scale.replicas):
            most = scale.max or scale.replicas or most
        if most > 1:
            yield _at(
                "protocol.era",
                f"is {config.protocol.era}, and {service.name} may have {most} pods",
                "a session lives in the memory of one pod: its next call may reach another",
                f"set era: modern, or scaling.{service.name}.replicas: 1",
            )


RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("protocol",), drain_outlives_the_longest_tool),
    (("images", "environment"), images_are_pinned),
    (("domain", "environment"), a_domain_outside_dev),
    (("kubernetes", "environment"), a_context_outside_dev),
    (("protocol", "environment"), an_issuer_outside_dev),
    (("protocol", "network"), the_issuer_can_be_reached),
    (("network",), networks_are_real),
    (("network", "edge"), somebody_can_reach_the_gateway),
    (("scaling", "topology"), scaling_names_services),
    (("scaling", "topology", "protocol"), sessions_stay_with_their_pod),
    (("scaling", "topology", "kubernetes"), the_quota_fits),
]
"""Each rule with the sections it reads."""
