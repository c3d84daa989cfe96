"""How servers and Alertmanager reach hosts outside: the egress proxy, or policies of Cilium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.base.versions import VERSIONS
from components.kubernetes.egress_hosts import outside_ports
from components.kubernetes.egress_proxy import (
    RESOURCES,
    EgressProxyArgs,
    proxy_ports,
    proxy_variables,
)
from components.kubernetes.party import Flow, Internet, Outside
from components.mcp.server_config import METRICS

from .addresses import Addresses
from .config.stack import StackConfig
from .monitoring import ALERTMANAGER, has_own_alertmanager
from .placement import placement
from .pod_settings import pod_settings
from .server_budgets import longest_budget
from .topologies.topology import EGRESS_PROXY, INTERNET, PROMETHEUS, EgressProxyService

PAGERDUTY: Final = "events.pagerduty.com:443"
SLACK: Final = "hooks.slack.com:443"
"""The Events API of PagerDuty, and incoming webhooks of Slack."""


@dataclass(frozen=True, kw_only=True)
class OutsideEnds:
    """What a workload may connect to outside the platform.

    Attributes:
        hosts: ``host:port``.
        networks: ``network:port``.
    """

    hosts: Sequence[str]
    networks: Sequence[str]


def outside_ends(config: StackConfig) -> dict[str, OutsideEnds]:
    """What servers, and Alertmanager, may connect to outside."""
    found = {
        name: OutsideEnds(hosts=server.egress.hosts, networks=server.egress.networks)
        for name, server in config.cluster_servers.items()
    }
    if has_own_alertmanager(config):
        section = config.observability.standalone
        stated = section.alertmanager.egress if section and section.alertmanager else None
        found[ALERTMANAGER] = OutsideEnds(
            hosts=[*hosts_of_services(config), *(stated.hosts if stated else [])],
            networks=stated.networks if stated else [],
        )
    return found


def hosts_of_services(config: StackConfig) -> list[str]:
    """The hosts of PagerDuty and Slack, if a receiver uses them."""
    receivers = config.observability.alerts.receivers
    used = {
        PAGERDUTY: any(one.pagerduty for one in receivers),
        SLACK: any(one.slack for one in receivers),
    }
    return [host for host, wanted in used.items() if wanted]


def allowed_hosts(config: StackConfig) -> dict[str, list[str]]:
    """``host:port`` of the hosts of each workload that may connect to any."""
    return {name: list(ends.hosts) for name, ends in outside_ends(config).items() if ends.hosts}


def hosts_by_policy(config: StackConfig) -> dict[str, list[str]]:
    """The hosts that workloads connect to directly, without the proxy."""
    return allowed_hosts(config) if config.network.host_egress == "cilium" else {}


def proxied_hosts(config: StackConfig) -> dict[str, list[str]]:
    """The hosts that workloads reach through the proxy."""
    return allowed_hosts(config) if config.network.host_egress == "proxy" else {}


def egress_proxies(config: StackConfig) -> list[EgressProxyService]:
    """The one proxy of a platform in which a workload connects to hosts."""
    allowed = proxied_hosts(config)
    if not allowed:
        return []
    replicas = 1 if config.environment == "dev" else 2
    return [
        EgressProxyService(
            name=EGRESS_PROXY, replicas=replicas, resources=RESOURCES, allowed=allowed
        )
    ]


def egress_flows(config: StackConfig) -> Iterator[Flow]:
    """From workloads to the proxy and to networks, and from the proxy to the internet."""
    allowed = proxied_hosts(config)
    for name, port in proxy_ports(allowed).items():
        yield Flow(source=name, target=EGRESS_PROXY, port=port, why="hosts outside, by name")
    if allowed and config.scraper:
        yield Flow(source=PROMETHEUS, target=EGRESS_PROXY, port=METRICS, why="metrics")
    for port in outside_ports(allowed):
        yield Flow(source=EGRESS_PROXY, target=INTERNET, port=port, why="listed hosts")
    for name, ends in outside_ends(config).items():
        for port in _networks(ends):
            yield Flow(source=name, target=_party(name, port), port=port, why="outside")


def egress_parties(config: StackConfig) -> tuple[list[Outside], list[Internet]]:
    """The parties outside the cluster that ``egress_flows`` names."""
    outsides = [
        Outside(name=_party(name, port), cidrs=cidrs)
        for name, ends in outside_ends(config).items()
        for port, cidrs in _networks(ends).items()
    ]
    return outsides, [Internet(name=INTERNET)] if proxied_hosts(config) else []


def egress_variables(config: StackConfig) -> dict[str, Mapping[str, str]]:
    """The environment variables that name the proxy to the program of each server that has one."""
    where = placement(config)
    return {
        name: proxy_variables(where.host(EGRESS_PROXY, seen_from=name), port)
        for name, port in proxy_ports(proxied_hosts(config)).items()
        if name in config.cluster_servers
    }


def proxy_url(config: StackConfig, workload: str) -> str | None:
    """The URL of the proxy for a workload; None if it connects to no hosts by it."""
    port = proxy_ports(proxied_hosts(config)).get(workload)
    host = placement(config).host(EGRESS_PROXY, seen_from=workload)
    return None if port is None else f"http://{host}:{port}"


def egress_proxy_args(
    config: StackConfig, service: EgressProxyService, at: Addresses
) -> EgressProxyArgs:
    """The pods of the proxy."""
    return EgressProxyArgs(
        namespace=at.namespace,
        image=config.images.egress_proxy or VERSIONS["images"]["envoy"],
        allowed=service.allowed,
        budget=longest_budget(config, service.allowed),
        replicas=service.replicas,
        resources=service.resources,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, service.name),
        api_server=config.kubernetes.api_server,
        metrics=config.scraper is not None,
    )


def _networks(ends: OutsideEnds) -> dict[int, list[str]]:
    """The networks by port."""
    found: dict[int, list[str]] = {}
    for written in ends.networks:
        network, _, port = written.rpartition(":")
        found.setdefault(int(port), []).append(network)
    return found


def _party(workload: str, port: int) -> str:
    return f"{workload}-outside-{port}"
