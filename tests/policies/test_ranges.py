"""Address ranges are compared as sets, however they are written."""

from __future__ import annotations

import pytest

from policies.ranges import everywhere


@pytest.mark.parametrize(
    "ranges",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["*"],
        ["Internet"],
        ["0.0.0.0/1"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"],
        [f"{first}.0.0.0/8" for first in range(1, 224)],
        ["203.0.113.7/0"],
        ["0.0.0.0-255.255.255.255"],
        ["1.0.0.0 - 223.255.255.255"],
        ["0.0.0.0/1,128.0.0.0/1"],
        ["10.0.0.0/8", "::ffff:0.0.0.0/96"],
        ["::/1", "8000::/1"],
        ["2000::/3"],
        ["a tag", "0.0.0.0/0"],
    ],
)
def test_ranges_that_are_together_the_internet_are_everywhere(ranges: list[str]):
    assert everywhere(ranges)


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"],
        ["17.0.0.0/8"],
        [f"{first}.0.0.0/8" for first in (3, 17, 20, 34, 52)],
        ["192.0.2.0/24"] * 1000,
        ["203.0.113.7"],
        ["0.0.0.0"],
        ["2001:db8::/32", "fc00::/7", "fe80::/10"],
        ["2a00::/19"],
        ["sg-12345678", "VirtualNetwork", "[unknown]", "1.2.3.4/99", "9.9.9.9-1.1.1.1"],
    ],
)
def test_ranges_of_one_organization_are_not_everywhere(ranges: list[str]):
    assert not everywhere(ranges)


def test_a_range_and_its_complement_are_everywhere_and_a_part_of_it_is_not():
    complement = [f"{first}.0.0.0/8" for first in range(256) if first != 17]
    assert everywhere(["17.0.0.0/8", *complement])
    assert everywhere(complement)
    assert not everywhere(["17.0.0.0/9", "17.128.0.0/9"])
