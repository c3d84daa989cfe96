"""Network policies of a CloudNativePG cluster, by the labels that the operator gives its pods."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from .cloudnative_pg_args import CloudNativePgDataTierArgs
from .cloudnative_pg_backup import token_servers
from .party import Neighbour

POSTGRES: Final = 5432
STATUS: Final = 8000
"""The instance manager's port: the operator and the other servers read the state there."""
METRICS: Final = 9187
POOLER_METRICS: Final = 9127
HTTPS: Final = 443

CLUSTER: Final = "cnpg.io/cluster"
ROLE: Final = "cnpg.io/podRole"
JOB: Final = "cnpg.io/jobRole"

Peers = list[dict[str, Any]]


def instance_pods(cluster: str) -> dict[str, str]:
    """Labels of the servers' pods."""
    return {CLUSTER: cluster, ROLE: "instance"}


def pooler_pods(cluster: str) -> dict[str, str]:
    """Labels of PgBouncer's pods."""
    return {CLUSTER: cluster, ROLE: "pooler"}


def cluster_policies(cluster: str, args: CloudNativePgDataTierArgs) -> dict[str, dict[str, Any]]:
    """The specs of the policies by role: of the servers, the Jobs that make them, and PgBouncer.

    The Jobs initialize the first volume and copy it for each standby.
    """
    servers = [_pods(instance_pods(cluster))]
    jobs = [{"podSelector": _jobs(cluster)}]
    poolers = [_pods(pooler_pods(cluster))]
    api_server = {"to": _blocks(args.api_server), "ports": _ports(*args.api_ports)}
    storage = _storage(args)
    clients = [_neighbour(client) for client in args.clients]
    scrapers = [_neighbour(args.prometheus)] if args.prometheus else []
    dns = args.dns.rules()
    made = {
        "servers": _policy(
            {"matchLabels": instance_pods(cluster)},
            ingress=[
                {"from": [*servers, *jobs], "ports": _ports(POSTGRES, STATUS)},
                {"from": [_neighbour(args.operator)], "ports": _ports(STATUS, POSTGRES)},
                *_from(poolers if args.pooler else clients, POSTGRES),
                *_from(scrapers, METRICS),
            ],
            egress=[
                {"to": servers, "ports": _ports(POSTGRES, STATUS)},
                api_server,
                *storage,
                *dns,
            ],
        ),
        "jobs": _policy(
            _jobs(cluster),
            ingress=[],
            egress=[{"to": servers, "ports": _ports(POSTGRES, STATUS)}, api_server, *storage, *dns],
        ),
    }
    if args.pooler:
        made["pooler"] = _policy(
            {"matchLabels": pooler_pods(cluster)},
            ingress=[*_from(clients, POSTGRES), *_from(scrapers, POOLER_METRICS)],
            egress=[{"to": servers, "ports": _ports(POSTGRES)}, api_server, *dns],
        )
    return made


def _policy(
    selector: dict[str, Any], *, ingress: list[dict[str, Any]], egress: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "podSelector": selector,
        "policyTypes": ["Ingress", "Egress"],
        # An empty list says the same as none, but counts as a change at every apply.
        **({"ingress": ingress} if ingress else {}),
        "egress": egress,
    }


def _jobs(cluster: str) -> dict[str, Any]:
    return {
        "matchLabels": {CLUSTER: cluster},
        "matchExpressions": [{"key": JOB, "operator": "Exists"}],
    }


def _pods(labels: dict[str, str]) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": labels}}


def _neighbour(party: Neighbour) -> dict[str, Any]:
    inside = {"matchLabels": {"kubernetes.io/metadata.name": party.namespace}}
    return {"namespaceSelector": inside, "podSelector": {"matchLabels": dict(party.labels)}}


def _from(peers: Peers, port: int) -> list[dict[str, Any]]:
    return [{"from": peers, "ports": _ports(port)}] if peers else []


def _ports(*numbers: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": number} for number in numbers]


def _blocks(networks: Sequence[str]) -> Peers:
    return [{"ipBlock": {"cidr": str(ipaddress.ip_network(network))}} for network in networks]


def _storage(args: CloudNativePgDataTierArgs) -> list[dict[str, Any]]:
    if args.backup is None:
        return []
    return [
        {"to": _blocks(args.backup.networks), "ports": _ports(HTTPS)},
        *(
            {"to": _blocks([network]), "ports": _ports(port)}
            for network, port in token_servers(args.backup)
        ),
    ]
