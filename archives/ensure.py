"""The archives that Pulumi is about to upload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pulumi

from components.base.problems import ProblemReport
from components.mcp.archive import Archive

from .entry import DEFAULT_ENTRY
from .hosts import HOSTS, ROOT, Host, archive_of
from .own_code import OwnCode


def code_archive(
    host: str,
    folder: Path,
    *,
    entry: str = DEFAULT_ENTRY,
    providers: Sequence[pulumi.ProviderResource] = (),
) -> Archive:
    """The archive of a folder with a server of your own, for the args of a function.

    Args:
        host: ``aws-lambda``, ``gcp-function`` or ``azure-function``.
        folder: with the server and, if it needs other libraries, a requirements.txt.
        entry: ``module:name`` of the server in the folder.
        providers: as in ``ensure``.

    Raises:
        ProblemReport: everything in the folder that cannot be packaged.
    """
    chosen = replace(HOSTS[host], code=OwnCode(folder=folder, entry=entry))
    if problems := chosen.code_problems(ROOT):
        raise ProblemReport(problems)
    (archive,) = ensure([chosen], providers)
    return archive


def ensure(hosts: Sequence[Host], providers: Sequence[pulumi.ProviderResource]) -> list[Archive]:
    """The archives of ``hosts``; built when their file is used, if an engine runs the program.

    Building takes half a minute, so it waits until the engine has loaded the plugin of every one
    of ``providers``: a missing plugin is reported at once.

    Using the file of an archive that cannot be built raises ``ProblemReport``.
    """
    archives = [archive_of(host) for host in hosts]
    if not _has_engine():
        return archives
    loaded = pulumi.Output.all(*(provider.urn for provider in providers))
    return [
        replace(archive, built=loaded.apply(lambda _, host=host, made=archive: _built(host, made)))
        for host, archive in zip(hosts, archives, strict=True)
    ]


def _has_engine() -> bool:
    from pulumi.runtime.mocks import MockMonitor
    from pulumi.runtime.settings import get_monitor

    return not isinstance(get_monitor(), MockMonitor)


def _built(host: Host, archive: Archive) -> str:
    """Build the archive unless it exists; returns its path."""
    from .build import build

    if not (ROOT / archive.path).exists():
        pulumi.log.info(f"building the archive of {host.name}")
        build(host, archive)
    return archive.path
