"""The identities of a cloud that pods have, and the flows to where their tokens come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from components.kubernetes.cloud_identity import (
    SYSTEMS,
    AwsIdentity,
    AzureIdentity,
    CloudIdentity,
    GoogleIdentity,
)
from components.kubernetes.party import Flow, MetadataServer, Outside

from .config.identities import Identity
from .config.stack import StackConfig
from .topologies.topology import Topology

TOKEN_SERVICE: Final = "token-service"  # noqa: S105  (a party of flows)
METADATA_SERVERS: Final = (
    MetadataServer(name="gke-metadata", address="169.254.169.252"),
    MetadataServer(name="gke-metadata-dataplane-v2", address="169.254.169.254"),
)
_HTTPS: Final = 443
_WHY: Final = "tokens of its identity"


def cloud_identity(config: StackConfig, workload: str) -> CloudIdentity | None:
    """The identity of the pods of a workload; None if they have none."""
    written = config.kubernetes.identities.get(workload)
    if written is None:
        return None
    aws, gcp, azure = written.aws, written.gcp, written.azure
    return CloudIdentity(
        aws=AwsIdentity(role=aws.role) if aws else None,
        gcp=GoogleIdentity(service_account=gcp.service_account) if gcp else None,
        azure=AzureIdentity(client_id=azure.client_id, tenant_id=azure.tenant_id)
        if azure
        else None,
    )


def asks_metadata_server(identity: Identity) -> bool:
    """Whether the pods get their tokens of GKE's metadata server."""
    return identity.gcp is not None


def with_identities(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the flows from workloads with an identity to their token service."""
    ports = dict(SYSTEMS["gcp"].metadata)
    flows = [
        Flow(source=workload, target=name, port=port, why=_WHY)
        for workload, identity in config.kubernetes.identities.items()
        if workload in topology.workloads
        for name, port in (
            [(each.name, ports[each.address]) for each in METADATA_SERVERS]
            if asks_metadata_server(identity)
            else [(TOKEN_SERVICE, _HTTPS)]
        )
    ]
    return replace(topology, flows=[*topology.flows, *flows])


def token_services(config: StackConfig) -> tuple[list[Outside], list[MetadataServer]]:
    """The parties that ``with_identities`` names."""
    kubernetes = config.kubernetes
    networks, identities = kubernetes.token_networks, kubernetes.identities.values()
    return (
        [Outside(name=TOKEN_SERVICE, cidrs=networks)] if networks else [],
        [*METADATA_SERVERS] if any(map(asks_metadata_server, identities)) else [],
    )
