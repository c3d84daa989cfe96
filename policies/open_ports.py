"""Ports that firewalls of any cloud open to addresses, and those that everyone can reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from graph.resource_graph import Resource

from .ranges import everywhere

ALL_PORTS: Final = (0, 65535)
WEB: Final = frozenset({80, 443})
"""Ports that a web server is reached on from everywhere."""

SENSITIVE: Final = frozenset(
    {
        *(20, 21, 22, 23, 135, 139, 445, 3389, 5800, 5900, 5985, 5986),  # shells and desktops
        *(1433, 1434, 1521, 3306, 5432, 5984, 6379, 7000, 7001, 9042, 9092),  # data
        *(9200, 9300, 11211, 27017, 27018, 27019, 50000),
        *(2375, 2376, 2379, 2380, 10250, 10255),  # container hosts and clusters
    }
)
"""Ports of remote shells, desktops, databases, caches and cluster hosts (FSBP EC2.19)."""

_ALL: Final = frozenset({"-1", "all", "*", "any", ""})
_WITHOUT_PORTS: Final = frozenset({"icmp", "icmpv6", "1", "58", "esp", "ah", "50", "51", "ipip"})


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Ports that one rule of a firewall opens.

    Attributes:
        path: of the addresses, below the resource.
        group: what the rule belongs to: rules of one group are judged together.
        protocol: as the cloud writes it, in small letters.
        ports: the first and the last one; all where the rule is for every protocol.
        ranges: the addresses.
    """

    resource: Resource
    path: str
    group: str
    protocol: str
    ports: tuple[int, int]
    ranges: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The ports as text for a finding."""
        first, last = self.ports
        if self.ports == ALL_PORTS:
            return "every port"
        return f"port {first}" if first == last else f"ports {first} to {last}"

    @property
    def of_web(self) -> bool:
        first, last = self.ports
        return first == last and first in WEB

    def has(self, port: int) -> bool:
        """Whether the rule opens a port."""
        first, last = self.ports
        return first <= port <= last


def ports_of(protocol: Any, first: Any, last: Any) -> tuple[int, int]:
    """Two ends as numbers; all ports where the protocol is every one or nothing is said."""
    if first is None or {str(protocol).casefold(), str(first).casefold()} & _ALL:
        return ALL_PORTS
    try:
        return int(first), int(first if last is None else last)
    except (TypeError, ValueError):
        return (-1, -1)


def port_range(text: Any) -> tuple[int, int]:
    """``22``, ``20-25`` or ``*`` as two ends."""
    first, _, last = str(text).partition("-")
    return ports_of("tcp", first.strip(), last.strip() or None)


def exposed(openings: Iterable[Opening]) -> Iterator[tuple[Opening, bool]]:
    """The openings that everyone can reach; whether one of their ports is sensitive.

    Rules of one group that are everywhere only together are shown by the first of them.
    """
    listed = sorted(
        (one for one in openings if one.protocol not in _WITHOUT_PORTS),
        key=lambda one: one.group,
    )
    for _, members in groupby(listed, key=lambda one: one.group):
        yield from _of_group(list(members))


def _of_group(openings: list[Opening]) -> Iterator[tuple[Opening, bool]]:
    alone = [one for one in openings if everywhere(one.ranges)]
    for one in alone:
        if not one.of_web:
            yield one, any(map(one.has, SENSITIVE))
    for port in sorted(SENSITIVE):
        parts = [one for one in openings if one.has(port) and one not in alone]
        if parts and everywhere(text for one in parts for text in one.ranges):
            yield parts[0], True
