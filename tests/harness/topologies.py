"""A stack of any topology, with the least that its configuration must say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import pytest

from graph.recorder import record
from graph.resource_graph import ResourceGraph
from stacks.program import main
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import Topology

NETWORK: Final[Mapping[str, Any]] = {
    "clients": ["198.51.100.0/24"],
    "issuer": ["203.0.113.0/24"],
    "qudagPeers": ["192.0.2.0/24"],
    "qudagPeerAddresses": ["/ip4/192.0.2.9/tcp/4001"],
    "qudagService": "load-balancer",
    "prometheus": {},
}
"""Every party outside, so that every flow of a topology has its policy."""
_OURS: Final = dict(TOPOLOGIES)


def recorded(topology: Topology, config: Mapping[str, Any] | None = None) -> ResourceGraph:
    """What the stack ``dev`` registers with ``topology``, whether it is one of ours or not."""
    given: dict[str, Any] = {"topology": "microservices", "network": NETWORK, **(config or {})}
    for name, ours in _OURS.items():
        if ours is topology:
            return _of_ours(name, json.dumps(given))
    return _recorded(topology, given)


@lru_cache(maxsize=30)
def _of_ours(name: str, config: str) -> ResourceGraph:
    """Recorded once for the tests of several modules, none of which changes it."""
    return _recorded(_OURS[name], json.loads(config))


def _recorded(topology: Topology, given: Mapping[str, Any]) -> ResourceGraph:
    handed = {key: v if isinstance(v, str) else json.dumps(v) for key, v in given.items()}
    with pytest.MonkeyPatch.context() as patch:
        # The name of one of ours, since a configuration names no other.
        patch.setitem(TOPOLOGIES, "microservices", topology)  # pyright: ignore[reportArgumentType]
        return record(main, stack="dev", config=handed)
