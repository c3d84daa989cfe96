"""Rules for the gateway: who may connect, and which proxies are before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.stack import StackConfig
from .rule import Rule, at


def the_gateway_accepts_clients(config: StackConfig) -> Iterator[Problem]:
    """A gateway with an address has clients."""
    network = config.network
    if network.public and network.clients:
        yield at(
            "network.clients",
            "is set although network.public is true",
            "the list would be ignored",
            "leave one of the two out",
        )
    if config.edge.load_balancer and not (network.public or network.clients):
        yield at(
            "network.clients",
            "is empty, but edge.loadBalancer gives the gateway an address",
            "the network policies would drop every client",
            "list the networks of your clients, such as - 10.0.0.0/8, or set network.public: true",
        )


def the_proxy_protocol_has_senders(config: StackConfig) -> Iterator[Problem]:
    """The PROXY protocol needs trusted proxies."""
    if config.edge.proxy_protocol and not config.edge.trusted_proxies:
        yield at(
            "edge.trustedProxies",
            "is empty, but edge.proxyProtocol is true",
            "logs and limits would see the proxies in place of their clients",
            "list the networks of the proxies, such as - 10.0.0.0/16",
        )


def an_own_gateway_knows_its_proxies(config: StackConfig) -> Iterator[Problem]:
    """These fields are for the generated nginx.conf."""
    if config.images.gateway_engine != "image":
        return
    fields = {
        "trustedProxies": config.edge.trusted_proxies,
        "proxyProtocol": config.edge.proxy_protocol,
        "hstsPreload": config.edge.hsts_preload,
    }
    for name in (name for name, value in fields.items() if value):
        yield at(
            f"edge.{name}",
            "is set, but images.gatewayEngine is image",
            "it would have no effect: no configuration is generated for an image of your own",
            "leave it out, and configure your gateway in its image",
        )


def limits_of_servers_count(config: StackConfig) -> Iterator[Problem]:
    """`rateLimit` of a server needs `edge.rateLimits`."""
    for name, server in config.servers.items():
        if server.rate_limit and config.edge.rate_limits is None:
            yield at(
                f"servers.{name}.rateLimit",
                "is set, and edge.rateLimits is absent",
                "it would have no effect: the gateway counts no requests",
                "set edge.rateLimits: {}, or leave it out",
            )


EDGE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("network.public", "network.clients", "edge.loadBalancer"), the_gateway_accepts_clients),
    (("edge.proxyProtocol", "edge.trustedProxies"), the_proxy_protocol_has_senders),
    (("edge", "images.gatewayEngine"), an_own_gateway_knows_its_proxies),
    (("servers", "edge.rateLimits"), limits_of_servers_count),
]
"""Each rule with what it reads."""
