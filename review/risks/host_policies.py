"""Hosts outside that a CiliumNetworkPolicy opens by name, and addresses that it closes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graph.kubernetes import kind, namespace
from graph.resource_graph import Resource
from graph.tree import branch, dig, entries

from ..diff import Change, Diff
from .allowed_traffic import Selector, isolations, policies


def is_host_policy(resource: Resource | None) -> bool:
    """Whether it is a CiliumNetworkPolicy."""
    return kind(resource) == "CiliumNetworkPolicy"


def named_hosts(policy: Resource) -> list[str]:
    """``host:port`` of the hosts that it opens, in the order of ports."""
    return [
        f"{target.get('matchName') or target.get('matchPattern')}:{port}"
        for rule in entries(policy.inputs, "spec", "egress")
        for target in entries(rule, "toFQDNs")
        for port in _ports(rule)
    ]


def loosened_hosts(change: Change, diff: Diff) -> Iterator[str]:
    """Hosts newly opened to pods that were closed, and addresses that are not closed any more."""
    before, after = change.before, change.after
    if after is None:
        return
    spec = branch(after.inputs, "spec")
    selected = branch(spec, "endpointSelector")
    ours = Selector.read(selected)
    whose = f"{ours} of {namespace(after)}"
    known = set(named_hosts(before)) if before else set[str]()
    if before is not None or _was_closed(namespace(after), branch(selected, "matchLabels"), diff):
        for host in named_hosts(after):
            if host not in known:
                yield f"allows traffic to {host} from {whose}"
    still, opened = set(_closed(after)), {host.rpartition(":")[2] for host in named_hosts(after)}
    for block, port in dict.fromkeys(_closed(before) if before else ()):
        if (block, port) not in still and port in opened:
            yield f"no longer closes {block}, TCP {port}, to {whose}"


def _was_closed(space: str, labels: dict[str, Any], diff: Diff) -> bool:
    return any(
        (one.namespace, one.direction) == (space, "Egress") and one.pods.selects(labels)
        for policy in policies(diff.before)
        for one in isolations(policy)
    )


def _closed(policy: Resource) -> Iterator[tuple[str, str]]:
    for rule in entries(policy.inputs, "spec", "egressDeny"):
        for block in entries(rule, "toCIDRSet"):
            holes = ", ".join(entries(block, "except"))
            for port in _ports(rule):
                yield f"{block['cidr']}{f' except {holes}' if holes else ''}", port


def _ports(rule: dict[str, Any]) -> list[str]:
    return [
        str(dig(port, "port")) for one in entries(rule, "toPorts") for port in entries(one, "ports")
    ]
