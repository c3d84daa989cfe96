"""QuDAG nodes on real pods: the released program finds its peers, a seed node keeps its id."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.qudag_node import NodeProfile
from delivery import cluster
from delivery.cluster import Cluster
from tests.harness.qudag_nodes import P2P, Space, deployed, image_on, quiet
from tests.harness.server import until

RELEASED = "ghcr.io/qudag/qudag-node:0.5.0"
SERVER = "ghcr.io/qudag/qudag-mcp-server:0.1.0"


@pytest.fixture(scope="module")
def where() -> Cluster:
    """The cluster, up; nodes need nothing else of the platform."""
    return cluster.connect(os.environ.get("CLUSTER") or None, quiet())


@pytest.fixture(scope="module")
def released(where: Cluster) -> Generator[Space]:
    """Two nodes that are each other's peers, and a third one without peers."""
    if where.kind != "node":
        pytest.skip(f"{RELEASED} is made for the local node alone: CLUSTER=node")
    try:
        image = image_on(where, RELEASED)
    except ProblemReport as report:
        if "no cargo on PATH" in str(report):
            pytest.skip(str(report))
        raise
    sets = {"north": ["south"], "south": ["north"], "alone": []}
    with deployed(where.kubectl, image, sets) as space:
        yield space


def connected(space: Space, one: str, other: str) -> None:
    """Waits until both have logged a connection to the other's current id."""
    ids = {node: space.peer_id(node) for node in (one, other)}
    until(lambda: ids[other] in space.connected(one), within_seconds=30)
    until(lambda: ids[one] in space.connected(other), within_seconds=30)


def test_two_nodes_find_each_other_through_the_peers_they_are_given(released: Space) -> None:
    connected(released, "north", "south")
    dialled = f"/tcp/{P2P}/p2p/{released.peer_id('north')}"
    assert any(where.endswith(dialled) for where in released.connected("south").values())


@pytest.mark.parametrize(("node", "other"), [("north", "south"), ("south", "north")])
def test_a_node_stops_in_order_and_comes_back_to_its_peer(
    released: Space, node: str, other: str
) -> None:
    connected(released, node, other)
    before = released.peer_id(node)
    stopped = released.delete(node)
    assert stopped.status == 0
    assert "shutting down gracefully" in stopped.log
    assert stopped.seconds < stopped.grace / 4
    released.serves_again(node)
    assert released.peer_id(node) != before
    connected(released, node, other)


def test_a_node_that_is_given_no_peers_finds_none_though_it_might_reach_them(
    released: Space,
) -> None:
    connected(released, "north", "south")
    north = released.address("north")
    dial = f"import socket; socket.create_connection(('{north}', {P2P}), 5)"
    released.shell("alone", f'python3 -c "{dial}"')
    assert not released.connected("alone")
    alone = released.peer_id("alone")
    assert not any(alone in released.connected(node) for node in ("north", "south"))


def test_a_seed_node_keeps_its_key_and_its_data_when_its_pod_is_replaced(where: Cluster) -> None:
    greeting = f"exec 3<>/dev/tcp/127.0.0.1/{P2P}; cat <&3"
    image = image_on(where, SERVER)
    identity = f"bash -c '{greeting}'; sha256sum /var/lib/qudag/keys/node.pem"
    with deployed(where.kubectl, image, {"seed": []}, NodeProfile.SEED) as space:
        space.shell("seed", "echo kept > /var/lib/qudag/data")
        before = space.shell("seed", identity)
        assert before.startswith("qudag-node seed-0 ")
        assert space.delete("seed").status == 0
        space.serves_again("seed")
        assert space.shell("seed", identity) == before
        assert space.shell("seed", "cat /var/lib/qudag/data") == "kept"
