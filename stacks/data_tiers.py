"""The data tiers of a platform: which stores each holds, where, and what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.base.kubernetes_object import Manifest
from components.kubernetes.labels import selector
from components.kubernetes.party import Neighbour

from .config.stack import StackConfig
from .data_kinds import KINDS, kind_of
from .data_kinds.kind import Tier
from .placement import placement
from .topologies import TOPOLOGIES
from .topologies.topology import Topology


@dataclass(frozen=True, kw_only=True)
class PlannedTier:
    """A data tier before it is registered.

    Attributes:
        name: of the component.
        tier: what registers it.
        stores: those in it.
        namespace: where its pods run, if it has any.
        clients: the pods that have flows to its stores.
    """

    name: str
    tier: Tier
    stores: Sequence[str]
    namespace: str
    clients: Sequence[Neighbour] = ()

    def args(
        self,
        config: StackConfig,
        namespace: pulumi.Input[str],
        archive: pulumi.Input[str] | None = None,
    ) -> Any:
        """The args of its component; ``archive`` is the URL of the stack's own bucket."""
        made = self.tier.args(config, self.stores, namespace)
        if archive is not None and self.tier.with_archive is not None:
            made = self.tier.with_archive(made, archive)
        return self.tier.with_clients(made, self.clients) if self.tier.with_clients else made

    def manifests(self, config: StackConfig) -> list[Manifest]:
        """The Kubernetes objects that it registers."""
        return self.tier.manifests(self.name, config, self.stores, self.namespace)


def data_tiers(config: StackConfig, topology: Topology) -> list[PlannedTier]:
    """The data tiers of the platform that no cloud manages."""
    where = placement(config)
    stores_of: dict[tuple[Tier, str], list[str]] = {}
    for store in topology.data:
        tier = kind_of(config, store).tier
        if tier.cloud is not None:
            continue
        namespace = where.of(store) if tier.in_namespaces else where.namespace
        stores_of.setdefault((tier, namespace), []).append(store)
    return [
        PlannedTier(
            name=_name(config, tier, stores[0]),
            tier=tier,
            stores=stores,
            namespace=namespace,
            clients=_clients(config, topology, stores),
        )
        for (tier, namespace), stores in stores_of.items()
    ]


def managed_tiers(config: StackConfig) -> dict[Tier, list[str]]:
    """The data tiers that clouds manage, each with its stores; with or without a cluster."""
    stores_of: dict[Tier, list[str]] = {}
    for store in KINDS:
        tier = kind_of(config, store).tier
        if tier.cloud is not None:
            stores_of.setdefault(tier, []).append(store)
    return stores_of


def _clients(config: StackConfig, topology: Topology, stores: Sequence[str]) -> list[Neighbour]:
    """The workloads with flows to the stores."""
    where = placement(config)
    sources = dict.fromkeys(flow.source for flow in topology.flows if flow.target in stores)
    return [
        Neighbour(name=source, namespace=where.of(source), labels=selector(source))
        for source in sources
        if source in topology.workloads
    ]


def _name(config: StackConfig, tier: Tier, store: str) -> str:
    """The tier's name; in a further namespace than the first one with stores, with its key.

    It depends on the topology alone: another kind for one store must not rename the other's.
    """
    places = TOPOLOGIES[config.topology].places
    own = [*_places(config)]
    place = places.get(store)
    return tier.name if not tier.in_namespaces or place == own[0] else f"{tier.name}-{place}"


def _places(config: StackConfig) -> Iterator[str | None]:
    """The places of the stores: the platform's own namespace first, as None."""
    chosen = TOPOLOGIES[config.topology]
    if any(store not in chosen.places for store in chosen.data):
        yield None
    yield from (place for store, place in chosen.places.items() if store in chosen.data)
