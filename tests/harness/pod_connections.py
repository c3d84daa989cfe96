"""Tries connections from running pods, at the addresses of each IP family."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

from .deployed_platform import Platform

SECONDS: Final = 2
"""Seconds to wait: an allowed connection takes a millisecond, a blocked one has no answer."""

_TRY: Final = f"""
for at in "$@"; do
  open="exec 3<>/dev/tcp/${{at%:*}}/${{at##*:}}"
  ( timeout {SECONDS} bash -c "$open" 2>/dev/null && echo "$at" ) &
done
wait
"""


class Family(Enum):
    """The addresses at which a pod can be tried."""

    IPV4 = "IPv4"
    LINK_LOCAL = "link-local IPv6"


def opened(platform: Platform, pod: dict[str, Any], targets: Iterable[str]) -> set[str]:
    """Those of the targets, each ``address:port``, that a process in the pod can connect to."""
    return set(platform.run_in(pod, "bash", "-c", _TRY, "try", *targets).split())


def opened_in(platform: Platform, namespace: str, pod: str, targets: Iterable[str]) -> set[str]:
    """As above, for any pod with one container, by the pod's name."""
    where = ("exec", f"-n={namespace}", pod, "--", "bash", "-c", _TRY, "try")
    return set(platform.kubectl.must(*where, *targets).split())


def address(platform: Platform, family: Family, pod: dict[str, Any]) -> str:
    """The pod's address, as another pod writes it."""
    if family is Family.IPV4:
        return pod["status"]["podIP"]
    for line in platform.run_in(pod, "cat", "/proc/net/if_inet6").splitlines():
        digits, *_, interface = line.split()
        if digits.startswith("fe80"):
            return f"{ipaddress.IPv6Address(int(digits, 16))}%{interface}"
    raise AssertionError("the pod has no link-local address")


def neighbours_on_the_link(platform: Platform, pod: dict[str, Any]) -> list[str]:
    """Link-local addresses of the pod's neighbours: its node, which probes it, and other pods.

    RFC 4291 derives them from MAC addresses.
    """
    found: list[str] = []
    for line in platform.run_in(pod, "cat", "/proc/net/arp").splitlines()[1:]:
        digits = line.split()[3].split(":")
        digits[0] = f"{int(digits[0], 16) ^ 2:02x}"
        host = "".join([*digits[:3], "ff", "fe", *digits[3:]])
        found.append(f"{ipaddress.IPv6Address(int('fe80' + '0' * 12 + host, 16))}%eth0")
    return found
