"""What clouds serve credentials at is known in one place, in either form of an address."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from components.base.platform_addresses import (
    contains,
    is_metadata,
    is_reserved,
    metadata_inside,
    unmapped,
)


@pytest.mark.parametrize(
    "network",
    [
        "169.254.169.254/32",
        "169.254.169.254/31",  # its neighbours are reserved for more of the kind
        "169.254.170.2/32",
        "169.254.170.23/32",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "::ffff:169.254.169.254/128",
        "::ffff:a9fe:a9fe/128",
        "::ffff:168.63.129.16/128",
        "::ffff:100.100.100.200/128",
    ],
)
def test_an_address_of_credentials_is_known_in_either_form(network: str):
    assert is_reserved(ip_network(network))


def test_a_network_near_an_address_is_not_the_address():
    """Such as the node's own DNS cache, which a flow may name."""
    assert not is_metadata(ip_network("169.254.20.10/32"))
    assert is_metadata(ip_network("::ffff:169.254.169.254/128"))


@pytest.mark.parametrize(
    "network", ["10.0.0.0/8", "168.63.129.17/32", "168.63.129.0/24", "100.100.100.0/24", "::/0"]
)
def test_another_network_is_not_reserved(network: str):
    assert not is_reserved(ip_network(network))


@pytest.mark.parametrize(
    ("network", "cut"),
    [
        ("10.0.0.0/8", []),
        ("168.63.0.0/16", ["168.63.129.16/32"]),
        ("100.64.0.0/10", ["100.100.100.200/32"]),
        ("::ffff:168.63.0.0/112", ["168.63.129.16/32"]),
        ("fd00:ec2::/64", ["fd00:ec2::23/128", "fd00:ec2::254/128"]),
        ("169.254.169.254/32", []),  # nothing would remain: it is refused instead
    ],
)
def test_metadata_addresses_inside_a_network_are_excluded_from_it(network: str, cut: list[str]):
    assert metadata_inside(ip_network(network)) == cut


def test_all_of_ipv4_holds_every_ipv4_address_of_the_list():
    assert metadata_inside(ip_network("0.0.0.0/0")) == [
        *("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32"),
        *("168.63.129.16/32", "100.100.100.200/32"),
    ]


def test_a_mapped_network_is_the_ipv4_network_that_it_stands_for():
    assert unmapped(ip_network("::ffff:10.0.0.0/104")) == ip_network("10.0.0.0/8")
    assert unmapped(ip_network("::ffff:0:0/96")) == ip_network("0.0.0.0/0")
    assert unmapped(ip_network("::/0")) == ip_network("::/0")
    assert contains(ip_network("10.0.0.0/8"), ip_network("::ffff:10.1.0.0/112"))
    assert not contains(ip_network("::/0"), ip_network("10.0.0.0/8"))
