"""Rules for `egress`: the hosts and networks that servers and Alertmanager may connect to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS
from components.kubernetes.flow_checks import api_server_problem

from ..config.stack import StackConfig
from ..egress import allowed_hosts, egress_variables, proxied_hosts
from .rule import Rule, at, path_of


def the_egress_proxy_has_an_image(config: StackConfig) -> Iterator[Problem]:
    """Outside dev the proxy's image is named, with a digest as every image."""
    listed = proxied_hosts(config)
    if config.environment != "dev" and listed and not config.images.egress_proxy:
        yield at(
            "images.egressProxy",
            f"is missing, and these connect to hosts outside: {', '.join(listed)}",
            "a tag can be moved: an image that was never tested could run",
            f"name Envoy with its digest: {VERSIONS['images']['envoy']}@sha256:…",
        )


def the_egress_proxy_is_used(config: StackConfig) -> Iterator[Problem]:
    """``images.egressProxy`` and ``network.hostEgress`` are set only if servers use them."""
    if config.network.host_egress != "proxy" and not allowed_hosts(config):
        yield at(
            "network.hostEgress",
            f"is {config.network.host_egress}, and nothing connects to hosts outside",
            "it would have no effect",
            "leave it out, or list the hosts of a server in its egress.hosts",
        )
    if config.images.egress_proxy and config.network.host_egress != "proxy":
        yield at(
            "images.egressProxy",
            f"is set, and network.hostEgress is {config.network.host_egress}",
            "it would have no effect: no egress proxy runs",
            "leave it out, or leave network.hostEgress out",
        )
    elif config.images.egress_proxy and not allowed_hosts(config):
        yield at(
            "images.egressProxy",
            "is set, and nothing connects to hosts outside",
            "it would have no effect",
            "leave it out, or list the hosts of a server in its egress.hosts",
        )


def egress_lists_name_each_once(config: StackConfig) -> Iterator[Problem]:
    """No host and no network is listed twice."""
    for name, server in config.servers.items():
        for field, listed in (("hosts", server.egress.hosts), ("networks", server.egress.networks)):
            for index, each in enumerate(listed):
                if each in listed[:index]:
                    yield at(
                        path_of("servers", name, "egress", field, index),
                        f"is {each}, which is listed above",
                        "one of the two has no effect",
                        "leave one out",
                    )


def egress_leaves_the_api_server_out(config: StackConfig) -> Iterator[Problem]:
    """No network of a server or a receiver is one of the API server, or may contain it."""
    listed: dict[tuple[str, ...], Sequence[str]] = {
        ("servers", name): server.egress.networks for name, server in config.servers.items()
    }
    own = config.observability.standalone
    receivers = own.alertmanager.egress if own and own.alertmanager else None
    if receivers is not None:
        listed["observability", "standalone", "alertmanager"] = receivers.networks
    for steps, networks in listed.items():
        for index, written in enumerate(networks):
            network = ip_network(written.rpartition(":")[0])
            if problem := api_server_problem(network, config.kubernetes.api_server):
                what, consequence, fix = problem
                fix = fix.replace("list the", "list in kubernetes.apiServer the")
                yield at(
                    path_of(*steps, "egress", "networks", index),
                    f"{written} {what}",
                    consequence,
                    fix,
                )


def servers_use_the_egress_proxy(config: StackConfig) -> Iterator[Problem]:
    """No variable of a server hides those by which its program finds the proxy."""
    for name, variables in egress_variables(config).items():
        server = config.servers[name]
        for variable in variables:
            if variable in server.env or variable in server.secret_env:
                field = "env" if variable in server.env else "secretEnv"
                path = path_of("servers", name, field, variable)
                yield at(
                    path,
                    "is set, and the server has egress.hosts",
                    "its program would not use the egress proxy, and no host would answer",
                    "leave it out: it is set to the proxy's address",
                )


EGRESS_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (
        ("servers", "observability", "images", "environment", "network.hostEgress"),
        the_egress_proxy_has_an_image,
    ),
    (("servers", "observability", "images", "network.hostEgress"), the_egress_proxy_is_used),
    (("servers",), egress_lists_name_each_once),
    (
        ("servers", "observability", "kubernetes.apiServer"),
        egress_leaves_the_api_server_out,
    ),
    (("servers", "network.hostEgress"), servers_use_the_egress_proxy),
]
