"""Addresses of the clouds' metadata and platform services.

A process that can connect to one of them can read the credentials of its machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

METADATA_ADDRESSES: Final = (
    "169.254.169.254/32",  # AWS, Google Cloud, Azure: instance metadata
    "169.254.170.2/32",  # ECS: credentials of a task
    "169.254.170.23/32",  # EKS Pod Identity
    "168.63.129.16/32",  # Azure: host platform ("What is IP address 168.63.129.16?")
    "100.100.100.200/32",  # Alibaba Cloud: instance metadata
    "fd00:ec2::23/128",  # EKS Pod Identity
    "fd00:ec2::254/128",  # AWS: instance metadata
    "fd20:ce::254/128",  # Google Cloud: instance metadata
)
"""Each alone, to be cut out of a network that contains it."""

METADATA_NETWORKS: Final[tuple[Network, ...]] = tuple(map(ip_network, METADATA_ADDRESSES))

RESERVED_NETWORKS: Final[tuple[Network, ...]] = (
    *METADATA_NETWORKS,
    *map(ip_network, ("169.254.0.0/16", "fd00:ec2::/32")),
)
"""The addresses, and the networks that are reserved for more of their kind."""

TRANSLATED_NETWORKS: Final = tuple(
    map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))
)
"""IPv6 networks that stand for IPv4 addresses (RFC 4291, 6052, 8215, 3056): translators and relays
pass their packets on to those, among them private ones and metadata services."""

_MAPPED: Final = IPv6Network("::ffff:0:0/96")


def unmapped(network: Network) -> Network:
    """The IPv4 network that an IPv4-mapped IPv6 network stands for (RFC 4291); another as it is."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        low = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((low, network.prefixlen - _MAPPED.prefixlen))
    return network


def contains(outer: Network, inner: Network) -> bool:
    """Whether every address of ``inner`` is one of ``outer``, mapped or not."""
    outer, inner = unmapped(outer), unmapped(inner)
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def is_metadata(network: Network) -> bool:
    """Whether a network is one of the addresses, in either form."""
    return any(contains(address, network) for address in METADATA_NETWORKS)


def is_reserved(network: Network) -> bool:
    """Whether all of a network is reserved for the clouds' metadata and platform services."""
    return any(contains(reserved, network) for reserved in RESERVED_NETWORKS)


def metadata_inside(network: Network) -> list[str]:
    """The metadata addresses that are a part of a network, to be cut out of it."""
    return [
        str(address)
        for address in METADATA_NETWORKS
        if contains(network, address) and address != unmapped(network)
    ]


NOT_PUBLIC: Final[Mapping[int, Sequence[str]]] = {
    4: (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32"),
        *("169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    ),
    6: ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
}
"""What is cut out of all addresses, by IP version, so that only public ones are left: the networks
of IANA's special-purpose registries (RFC 6890), and the address of Azure's host platform.

Of IPv6 only ``PUBLIC`` is given out, which contains no private and no link-local address."""

EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
"""All addresses, by IP version: everyone."""

PUBLIC: Final[Mapping[int, str]] = {4: EVERYWHERE[0], 6: "2000::/3"}
"""All addresses of each IP version that may be given out to the public (RFC 4291 for IPv6)."""
