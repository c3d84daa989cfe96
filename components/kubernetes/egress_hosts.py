"""Lists of the hosts outside that workloads may connect to, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base.problems import Problem


def host_problems(field: str, allowed: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Workloads without hosts, and hosts that a workload lists twice.

    Args:
        field: the field that holds the lists.
        allowed: ``host:port`` of the hosts of each workload.
    """
    found: list[Problem] = []
    for name, hosts in allowed.items():
        if not hosts:
            found.append(
                Problem(
                    f"{field}.{name}",
                    "is an empty list",
                    "every connection of it to a host outside would be refused",
                    "list its hosts, or leave it out",
                )
            )
        found += [
            Problem(
                f"{field}.{name}",
                f"lists {host} twice",
                "one of the two has no effect",
                "list each host once",
            )
            for host in sorted(set(hosts))
            if list(hosts).count(host) > 1
        ]
    return found


def outside_ports(allowed: Mapping[str, Sequence[str]]) -> list[int]:
    """The ports of all listed hosts."""
    return sorted({int(host.rpartition(":")[2]) for hosts in allowed.values() for host in hosts})
