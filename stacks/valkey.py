"""What a Valkey in the cluster adds to a stack: Secrets, and flows of its replicas."""

from __future__ import annotations

from dataclasses import replace

from components.kubernetes.party import Flow
from components.kubernetes.postgres_exporter import POSTGRES_EXPORTER_PORT
from components.kubernetes.valkey_exporter import EXPORTER, EXPORTER_PORT
from components.kubernetes.valkey_replicas import OWN
from components.mcp.data_tier import SENTINEL

from .config.stack import StackConfig
from .placement import placement
from .topologies.topology import POSTGRES, PROMETHEUS, STORES, VALKEY, Topology
from .valkey_args import valkey_users


def has_replicas(config: StackConfig, topology: Topology) -> bool:
    """Whether the stack has a Valkey with replicas and Sentinels."""
    return VALKEY in topology.stores_in_pods and config.data.valkey.replicas > 1


def valkey_secrets(config: StackConfig, topology: Topology) -> list[tuple[str, str]]:
    """The Secrets of Valkey's users, each with a namespace whose pods mount it."""
    if VALKEY not in topology.stores_in_pods:
        return []
    where = placement(config)
    own = OWN if has_replicas(config, topology) else ()
    own += (EXPORTER,) if config.data.valkey.exporter else ()
    return [
        *((config.secrets.valkey_user(name), where.of(VALKEY)) for name in own),
        *(
            (user.secret, namespace)
            for user in valkey_users(config)
            for namespace in dict.fromkeys((where.of(VALKEY), where.of(user.name)))
        ),
    ]


def exporters(config: StackConfig, topology: Topology) -> dict[str, int]:
    """The data stores in pods with an exporter, and its port."""
    data = config.data
    wanted = {
        POSTGRES: POSTGRES_EXPORTER_PORT if data.database_exporter else 0,
        VALKEY: EXPORTER_PORT if data.valkey.exporter else 0,
    }
    return {store: port for store in topology.stores_in_pods if (port := wanted[store])}


def with_store_flows(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the flows of replicas and exporters of its stores."""
    replicas = _replica_flows(topology) if has_replicas(config, topology) else []
    metrics = [
        Flow(source=PROMETHEUS, target=store, port=port, why="metrics")
        for store, port in exporters(config, topology).items()
    ]
    return replace(topology, flows=[*topology.flows, *replicas, *metrics])


def _replica_flows(topology: Topology) -> list[Flow]:
    """Between replicas and Sentinels, and from those who ask these for the primary."""
    asking = [flow.source for flow in topology.flows if flow.target == VALKEY]
    return [
        *(
            Flow(source=source, target=VALKEY, port=SENTINEL, why="who is the primary")
            for source in asking
        ),
        Flow(source=VALKEY, target=VALKEY, port=STORES[VALKEY], why="replication"),
        Flow(source=VALKEY, target=VALKEY, port=SENTINEL, why="failover"),
    ]
