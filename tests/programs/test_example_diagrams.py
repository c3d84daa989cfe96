"""The diagram of each example has an arrow for each connection that its policies allow.

The diagrams are read from the pages. tests/harness/network_policy_model.py decides what the
policies allow; it is independent of the code that draws.
"""

from __future__ import annotations

import ipaddress
import re
from itertools import product
from typing import Final

import pytest

from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tools.example_stacks import FOLDER, STACK_FILES, recorded, sections

PAGES: Final = {
    name: page
    for page in sorted(FOLDER.glob("*/README.md"))
    for name in re.findall(r"<!-- generated: example ([\w-]+) -->", page.read_text())
}
STRANGERS: Final = {
    "another address": Endpoint.address("203.0.113.9"),
    "the machine's credentials": Endpoint.address("169.254.169.254"),
    "another namespace": Endpoint.pod("default", app="mcp-gateway"),
}
PORTS: Final = {("TCP", 53), ("UDP", 53), ("TCP", 443), ("TCP", 22), ("UDP", 8443)}
"""Ports besides those that a workload listens on."""
each_page = pytest.mark.parametrize("name", PAGES)


def drawn(text: str) -> set[tuple[str, str, str, int]]:
    """Source, target, protocol and port of each arrow; several ports and protocols may share one.

    The arrows to DNS pods of other ports than 53 are left out: those pods are of another cluster.
    """
    found: set[tuple[str, str, str, int]] = set()
    for source, label, target in re.findall(r"^ +([\w-]+) -->\|\"(.+)\"\| ([\w-]+)$", text, re.M):
        for part in label.split("<br/>"):
            match = re.fullmatch(r"(?:.* )?(\d+)(?: ((?:TCP|UDP)(?:\+(?:TCP|UDP))?))?", part)
            assert match, f"an arrow without a port: {part}"
            protocols = (match[2] or "TCP").split("+")
            found |= {(source, target, protocol, int(match[1])) for protocol in protocols}
    return {arrow for arrow in found if arrow[1] != "dns" or arrow[3] == 53}


def allowed(name: str) -> set[tuple[str, str, str, int]]:
    made = recorded(name)
    [first, *_] = sections(name)["network"]["clients"]
    ours = {found.name: found for found in pods(made)}
    namespaces = {one: found.owner.inputs["metadata"]["namespace"] for one, found in ours.items()}
    ends = {
        **{one: Endpoint.pod(namespaces[one], **found.labels) for one, found in ours.items()},
        "clients": Endpoint.address(str(ipaddress.ip_network(first)[7])),
        "dns": Endpoint.pod("kube-system", **{"k8s-app": "kube-dns"}),
        **STRANGERS,
    }
    ports = PORTS | {port for found in ours.values() for port in found.ports}
    policies = Enforcement(objects(made, "NetworkPolicy"))
    return {
        (source, target, protocol, port)
        for source, target in product(ends, repeat=2)
        if {source, target} & ours.keys()
        for protocol, port in ports
        if policies.allows(ends[source], ends[target], protocol, port)
    }


def test_every_folder_of_an_example_has_a_page_with_a_diagram():
    assert {file.parent for file in STACK_FILES.values()} == {
        page.parent for page in PAGES.values()
    }
    assert all(STACK_FILES[name].parent == page.parent for name, page in PAGES.items())


@each_page
def test_exactly_the_allowed_connections_are_drawn(name: str):
    assert drawn(PAGES[name].read_text()) == allowed(name)


@each_page
def test_exactly_the_workloads_are_nodes(name: str):
    nodes = re.findall(r"^ {8}([\w-]+)[\[(/]+\"", PAGES[name].read_text(), re.MULTILINE)
    assert sorted(nodes) == sorted(found.name for found in pods(recorded(name)))


@pytest.mark.parametrize("name", STACK_FILES)
def test_stacks_of_one_folder_allow_the_same_connections(name: str):
    [shown] = [one for one, page in PAGES.items() if page.parent == STACK_FILES[name].parent]
    assert allowed(name) == allowed(shown)


def test_an_arrow_without_a_port_is_an_error():
    with pytest.raises(AssertionError, match="without a port"):
        drawn('    a -->|"calls"| b')
