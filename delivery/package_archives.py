"""Makes the archives that functions run ahead of a deployment, and says what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from archives.build import Size, build
from archives.hosts import HOSTS, ROOT, archive_of
from components.base.problems import Problem, ProblemReport, nearest

from .progress import Progress


def package(names: Sequence[str], progress: Progress) -> None:
    """The archives of the hosts called ``names``, all of them where none is named.

    Raises:
        ProblemReport: no such host, or an archive cannot be made here.
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
        f"{name!r} is no host of functions",
        "there is nothing to make",
        f"write --host {near}" if near else f"one of {', '.join(HOSTS)}",
    )
