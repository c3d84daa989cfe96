"""The forms of IP networks and addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from functools import lru_cache
from typing import Final

from .constraints import Form
from .platform_addresses import TRANSLATED_NETWORKS, is_metadata, is_reserved, unmapped

WIDEST: Final = {4: 8, 6: 16}
"""The shortest allowed mask by IP version; a shorter one covers networks of many owners."""

_NETWORK_4: Final = "[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}"
_NETWORK_6: Final = "[0-9a-fA-F:]*:[0-9a-fA-F:]*/[0-9]{1,3}"
_NETWORK_PATTERN: Final = f"^({_NETWORK_4}|{_NETWORK_6})$"
_NETWORK_WORDS: Final = "a network with its mask; a single address has /32"
_NETWORKS: Final = ("10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32")
_NO_POLICY: Final = "the API server refuses the network policy"


def _exact_network(written: str) -> tuple[str, str, str] | None:
    """What is wrong with the address or the mask of a network, if anything is."""
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        fix = f"write {_NETWORK_WORDS}, such as {_NETWORKS[0]}"
        return f"is {written!r}: there is no such address", _NO_POLICY, fix
    if str(network) != str(ipaddress.ip_interface(written).with_prefixlen):
        return f"is {written}, which has bits set behind its mask", _NO_POLICY, f"write {network}"
    return None


@lru_cache(maxsize=512)  # each validation checks the networks of all defaults
def _own_network(written: str) -> tuple[str, str, str] | None:
    """As ``_exact_network``; also refuses large networks and addresses of metadata services."""
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        return _exact_network(written)
    plain = unmapped(network)
    if plain.prefixlen < WIDEST[plain.version]:
        every = "all addresses" if plain.prefixlen == 0 else "a large part of the internet"
        return (
            f"is {written}: that is {every}",
            "the network policies would allow connections from or to almost any address",
            "list the networks that need access; for a public gateway set network.public: true",
        )
    if any(plain.overlaps(each) for each in TRANSLATED_NETWORKS if plain.version == each.version):
        return (
            f"is {written}, which stands for IPv4 addresses",
            "packets to it may reach private addresses and a cloud's metadata service",
            "write the IPv4 network",
        )
    if is_reserved(network):
        return (
            f"is {written}, an address of a cloud's metadata service",
            "a process in a pod could read the credentials of its node",
            "remove it",
        )
    return _exact_network(written)


CIDR: Final = Form(
    name="network",
    pattern=_NETWORK_PATTERN,
    words=_NETWORK_WORDS,
    examples=_NETWORKS,
    consequence=_NO_POLICY,
    check=_own_network,
)
NETWORK: Final = replace(CIDR, check=_exact_network)
"""As ``CIDR``, but also allows all addresses: 0.0.0.0/0."""


def _own_network_port(written: str) -> tuple[str, str, str] | None:
    """As ``_own_network``, for a network with a port; also refuses ports above 65535."""
    network, _, port = written.rpartition(":")
    if problem := _own_network(network):
        return problem
    if int(port) > 65535:
        return f"is {written}: ports end at 65535", _NO_POLICY, "write another port"
    return None


NETWORK_PORT: Final = Form(
    name="network and port",
    pattern=f"^({_NETWORK_4}|{_NETWORK_6}):[1-9][0-9]{{0,4}}$",
    words="a network with its mask, a colon and a port",
    examples=("203.0.113.0/24:5432", "2001:db8::/32:5432"),
    consequence=_NO_POLICY,
    check=_own_network_port,
)


def _proxies(written: str) -> tuple[str, str, str] | None:
    """Refuses networks so large that clients have addresses in them."""
    problem = _exact_network(written)
    if problem is None:
        plain = unmapped(ipaddress.ip_network(written))
        if plain.prefixlen >= WIDEST[plain.version]:
            return None
        every = "every address" if plain.prefixlen == 0 else "a large part of the internet"
        problem = (f"is {written}: that is {every}", "", "list the networks of your proxies alone")
    what, _, fix = problem
    return what, PROXY_NETWORK.consequence, fix


PROXY_NETWORK: Final = Form(
    name="network of proxies",
    pattern=f"^({_NETWORK_6}|{_NETWORK_4})$",
    words=_NETWORK_WORDS,
    examples=_NETWORKS,
    consequence="any client in it could write the address that logs and limits see",
    check=_proxies,
)


def _host_address(written: str) -> tuple[str, str, str] | None:
    try:
        address = ipaddress.ip_network(written)
    except ValueError:
        return f"is {written!r}: there is no such address", _NO_POLICY, "write an IP address"
    if is_metadata(address):
        return (
            f"is {written}, an address of a cloud's metadata service",
            "a process in a pod could read the credentials of its node",
            "remove it; on Google Cloud, switch NodeLocal DNSCache on",
        )
    return None


IP_ADDRESS: Final = Form(
    name="IP address",
    pattern="^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$",
    words="an IP address without a mask",
    examples=("169.254.20.10", "10.96.0.10", "fd00::a"),
    consequence=_NO_POLICY,
    check=_host_address,
)
