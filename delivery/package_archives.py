"""The subcommand ``package``: builds the code archives of cloud functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from archives.build import Size, build
from archives.entry import DEFAULT_ENTRY
from archives.hosts import HOSTS, ROOT, Host, archive_of
from archives.own_code import OwnCode
from components.base.problems import Problem, ProblemReport, nearest

from .progress import Progress


def package(names: Sequence[str], progress: Progress, code: OwnCode | None = None) -> None:
    """Build the archives of the hosts ``names``, or of all hosts if ``names`` is empty.

    Args:
        code: the user's own code; None for the reference server.

    Raises:
        ProblemReport: a host is unknown, the code cannot be packaged, or an archive cannot be
            built on this machine.
    """
    if unknown := [name for name in names if name not in HOSTS]:
        raise ProblemReport(_no_host(name) for name in unknown)
    hosts = [replace(HOSTS[name], code=code) for name in names or HOSTS]
    if code is not None:
        _refuse_code(hosts)
    for host in hosts:
        with progress.step(f"Archive of {host.name}") as step:
            archive = archive_of(host)
            there = (ROOT / archive.path).exists()
            size = Size.of(host.name, build(host, archive))
            weight = f"{size.zipped:.1f} MB, {size.unzipped:.1f} unpacked"
            step.result = f"{weight}, {size.files} files{', as it was' if there else ''}"
        progress.note(f"  {archive.path}  sha256 of its sources {archive.digest}")


def own_code(folder: Path | None, entry: str | None) -> OwnCode | None:
    """The code that the options of the command name; raises ``ProblemReport``."""
    if folder is not None:
        return OwnCode(folder=folder, entry=entry or DEFAULT_ENTRY)
    if entry is not None:
        raise ProblemReport(
            [
                Problem(
                    "--entry",
                    f"is {entry}, and --code is missing",
                    "the archive would have the reference server",
                    "add --code with the folder of the server, or leave --entry out",
                )
            ]
        )
    return None


def _refuse_code(hosts: Sequence[Host]) -> None:
    """Raise what cannot be packaged for any of the hosts, at the options of the command."""
    found = [problem for host in hosts for problem in host.code_problems(ROOT)]
    if found:
        once = dict.fromkeys(found)  # most do not depend on the host
        raise ProblemReport(replace(problem, path=f"--{problem.path}") for problem in once)


def _no_host(name: str) -> Problem:
    near = nearest(name, HOSTS)
    return Problem(
        "--host",
        f"{name!r} is not a function host",
        "no archive was built",
        f"write --host {near}" if near else f"one of {', '.join(HOSTS)}",
    )
