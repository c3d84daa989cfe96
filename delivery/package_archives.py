"""The subcommand ``package``: builds the code archives of cloud functions."""

from __future__ import annotations

from collections.abc import Sequence

from archives.build import Size, build
from archives.hosts import HOSTS, ROOT, archive_of
from components.base.problems import Problem, ProblemReport, nearest

from .progress import Progress


def package(names: Sequence[str], progress: Progress) -> None:
    """Build the archives of the hosts ``names``, or of all hosts if ``names`` is empty.

    Raises:
        ProblemReport: a host is unknown, or an archive cannot be built on this machine.
    """
    if unknown := [name for name in names if name not in HOSTS]:
        raise ProblemReport(_no_host(name) for name in unknown)
    for name in names or HOSTS:
        with progress.step(f"Archive of {name}") as step:
            archive = archive_of(HOSTS[name])
            there = (ROOT / archive.path).exists()
            size = Size.of(name, build(HOSTS[name], archive))
            weight = f"{size.zipped:.1f} MB, {size.unzipped:.1f} unpacked"
            step.result = f"{weight}, {size.files} files{', as it was' if there else ''}"
        progress.note(f"  {archive.path}  sha256 of its sources {archive.digest}")


def _no_host(name: str) -> Problem:
    near = nearest(name, HOSTS)
    return Problem(
        "--host",
        f"{name!r} is not a function host",
        "no archive was built",
        f"write --host {near}" if near else f"one of {', '.join(HOSTS)}",
    )
