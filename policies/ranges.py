"""Address ranges compared as sets: whether they are together everywhere, however written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Any, Final, cast

Network = IPv4Network | IPv6Network

_NAMES: Final = frozenset({"*", "any", "internet", "all"})
"""What clouds write for every address."""

_NOT_PUBLIC: Final = tuple(
    IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
    )
)
"""Addresses that no packet from the internet has (IANA, IPv4 Special-Purpose Address Registry)."""

_GLOBAL: Final = IPv6Network("2000::/3")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")

_MOST_IPV4: Final = 2**27
"""More than all networks of the largest organization together: eight of /8."""

_MOST_IPV6: Final = 2**112
"""More than the largest network of a provider, a /19, or several: a /16."""


def everywhere(ranges: Iterable[Any]) -> bool:
    """Whether the ranges are together more than any one organization has: (nearly) everyone.

    Args:
        ranges: in CIDR notation, as ``first-last``, single addresses, or a cloud's word for all;
            what is none of these (another group, a tag, a value that is not known) counts nothing.
    """
    networks = [each for one in ranges for each in _networks(one)]
    if not networks:
        return False
    four = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
    six = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
    return (
        sum(map(_public, four)) > _MOST_IPV4
        or sum(_overlap(each, _GLOBAL) for each in six) > _MOST_IPV6
    )


def between(first: Any, last: Any) -> str:
    """The range from ``first`` to ``last`` as one text."""
    return f"{first}-{last}"


def texts(value: Any) -> list[str]:
    """One range or several, as properties may say either."""
    if isinstance(value, list):
        return [str(one) for one in cast("list[Any]", value)]
    return [] if value is None else [str(value)]


def _networks(text: Any) -> Iterator[Network]:
    for part in str(text).split(","):
        yield from _parsed(part.strip().casefold())


@cache
def _parsed(text: str) -> tuple[Network, ...]:
    if text in _NAMES:
        return (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = (cast("IPv4Address", ip_address(end.strip())) for end in (first, last))
            return tuple(summarize_address_range(low, high))
        network = ip_network(text, strict=False)
    except (ValueError, TypeError):
        return ()
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return (IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96)),)
    return (network,)


def _public(network: IPv4Network) -> int:
    return network.num_addresses - sum(_overlap(network, each) for each in _NOT_PUBLIC)


def _overlap(one: Network, other: Network) -> int:
    """How many addresses two networks share; of two, one holds the other or they share none."""
    if not one.overlaps(other):
        return 0
    return min(one.num_addresses, other.num_addresses)
