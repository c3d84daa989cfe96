"""Builds the archives that Pulumi is about to upload."""

from __future__ import annotations

from collections.abc import Sequence

from components.mcp.archive import Archive

from .hosts import ROOT, Host, archive_of


def ensure(hosts: Sequence[Host]) -> list[Archive]:
    """The archives of ``hosts``; built now if an engine runs the program.

    Raises:
        ProblemReport: an archive cannot be built on this machine.
    """
    import pulumi
    from pulumi.runtime.mocks import MockMonitor
    from pulumi.runtime.settings import get_monitor

    archives = [archive_of(host) for host in hosts]
    if isinstance(get_monitor(), MockMonitor):
        return archives
    from .build import build

    for host, archive in zip(hosts, archives, strict=True):
        if not (ROOT / archive.path).exists():
            pulumi.log.info(f"building the archive of {host.name}")
            build(host, archive)
    return archives
