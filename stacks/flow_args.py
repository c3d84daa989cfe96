"""The flows of a platform, with the parties and DNS servers that the configuration names."""

from __future__ import annotations

from dataclasses import replace

import pulumi

from components.base.platform_addresses import EVERYWHERE
from components.kubernetes.dns import Dns, DnsPods
from components.kubernetes.flow import FlowPoliciesArgs
from components.kubernetes.labels import selector
from components.kubernetes.party import Flow, Neighbour, Outside
from components.mcp.auth import key_ports

from .audit import audit_parties
from .backup import backup_parties
from .config.network import Network
from .config.stack import StackConfig
from .data_kinds import kind_of
from .egress import egress_parties, hosts_by_policy
from .identities import token_services
from .monitoring import monitoring_workloads
from .monitoring_flows import operator_pods
from .placement import placement
from .sink_flows import sink_parties
from .topologies.topology import (
    CLIENTS,
    ISSUER,
    ISSUER_PODS,
    OPTIONAL_PARTIES,
    PEERS,
    PROMETHEUS,
    Topology,
)


def flow_args(
    config: StackConfig, topology: Topology, namespace: str, made: pulumi.Input[str]
) -> FlowPoliciesArgs:
    """The topology's flows in a namespace, without those of parties that this stack does not have.

    Args:
        config: the stack's.
        topology: with the servers of the stack.
        namespace: whose workloads have the flows.
        made: its name, as an output of the component that creates it.
    """
    network = config.network
    clients = [*EVERYWHERE] if network.public else network.clients
    networks = {CLIENTS: clients, ISSUER: network.issuer, PEERS: network.qudag_peers}
    outsides = [Outside(name=name, cidrs=cidrs) for name, cidrs in networks.items() if cidrs]
    neighbours = [
        Neighbour(name=PROMETHEUS, namespace=p.namespace, labels=p.labels)
        for p in ([config.scraper] if config.scraper else [])
        if PROMETHEUS not in topology.monitoring
    ]
    if pods := network.issuer_pods:
        neighbours.append(Neighbour(name=ISSUER_PODS, namespace=pods.namespace, labels=pods.labels))
    present = {party.name for party in (*outsides, *neighbours)} | set(topology.workloads)
    absent = set(OPTIONAL_PARTIES) - present
    client_pods = [
        Neighbour(name=f"client-pods-{number}", namespace=each.namespace, labels=each.labels)
        for number, each in enumerate(network.client_pods)
    ]
    server_networks, internet = egress_parties(config)
    tokens, metadata_servers = token_services(config)
    stores = [party for store in topology.data if (party := kind_of(config, store).party(config))]
    neighbours += [party for party in stores if isinstance(party, Neighbour)]
    neighbours += operator_pods(config, topology)
    outsides += [party for party in stores if isinstance(party, Outside)]
    where = placement(config)
    own = where.within(namespace, topology.workloads)
    flows = [
        *(
            flow
            for declared in topology.flows
            for flow in _to_the_issuer(declared, config)
            if not {flow.source, flow.target} & absent
        ),
        *_flows_of(client_pods, topology),
    ]
    flows = [flow for flow in flows if flow.source in own or flow.target in own]
    ends = {name for flow in flows for name in (flow.source, flow.target)}
    elsewhere = [name for name in topology.workloads if name in ends and name not in own]
    neighbours += [
        Neighbour(name=name, namespace=where.of(name), labels=selector(name)) for name in elsewhere
    ]
    return FlowPoliciesArgs(
        namespace=made,
        workloads=own,
        flows=flows,
        outsides=[
            *outsides,
            *server_networks,
            *backup_parties(config),
            *audit_parties(config),
            *sink_parties(config),
            *tokens,
        ],
        neighbours=[*neighbours, *client_pods],
        internet=internet,
        metadata_servers=metadata_servers,
        dns=_dns(network),
        api_server=config.kubernetes.api_server,
        api_clients=[
            one.name
            for one in monitoring_workloads(config)
            if one.calls_api_server and one.name in own
        ],
        hosts={name: hosts for name, hosts in hosts_by_policy(config).items() if name in own},
    )


def _to_the_issuer(flow: Flow, config: StackConfig) -> list[Flow]:
    """The flow as declared; one to the issuer for each place and port that has keys."""
    if flow.target != ISSUER:
        return [flow]
    ports = key_ports(config.protocol.key_urls)
    pods = config.network.issuer_pods
    inside = [pods.port] if pods and pods.port else ports
    return [
        *(replace(flow, port=port) for port in ports),
        *(replace(flow, target=ISSUER_PODS, port=port) for port in inside if pods),
    ]


def _flows_of(client_pods: list[Neighbour], topology: Topology) -> list[Flow]:
    """What clients outside the cluster may do, for pods that are clients as well."""
    return [
        Flow(source=pods.name, target=flow.target, port=flow.port, why=flow.why)
        for pods in client_pods
        for flow in topology.flows
        if flow.source == CLIENTS
    ]


def _dns(network: Network) -> Dns:
    return Dns(
        pods=[
            DnsPods(namespace=each.namespace, labels=each.labels, port=each.port)
            for each in network.dns.pods
        ],
        addresses=network.dns.addresses,
    )
