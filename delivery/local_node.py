"""Starts and stops the local one-node Kubernetes of ``tools/node``, and shows its progress."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import platform
import re
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from components.base.problems import Problem, ProblemReport

from . import process
from .kubectl import Kubectl
from .progress import Progress

FOLDER = Path(__file__).resolve().parent.parent / "tools" / "node"
CONTEXT = "node"
BALANCERS = tuple(str(address) for address in ipaddress.ip_network("10.250.1.0/28").hosts())
"""Addresses of the node's load balancers; certificates contain all of them."""

_SEPARATOR = "\x1f"
_MESSAGE_FORMAT = {"NODE_SEPARATOR": _SEPARATOR}
_BUILD_SECONDS = 3600.0
_ASSEMBLY_SECONDS = 1800.0
_CLEARING_SECONDS = 30.0


def obstacles() -> list[Problem]:
    """Why this machine cannot run the local node, as far as known without starting it."""
    reasons = {
        f"it is {platform.system()}, not Linux": platform.system() != "Linux",
        f"it is {platform.machine()}, not x86_64": platform.machine() != "x86_64",
        "you are not root": os.geteuid() != 0,
    }
    return [
        Problem(
            "local node",
            f"this machine cannot run it: {reason}",
            "pods need namespaces, mounts and cgroups of their own",
            "run as root (sudo make up)"
            if "root" in reason
            else "use kind, or a cluster of yours: CLUSTER=context:NAME",
        )
        for reason, holds in reasons.items()
        if holds
    ]


def up(progress: Progress) -> Kubectl:
    """Start the node unless it runs, and show its builds and waits.

    Raises:
        ProblemReport: the node did not start; contains its messages.
    """
    if problems := obstacles():
        raise ProblemReport(problems)
    with progress.step("Local node") as step:
        outcome = _script("up", _BUILD_SECONDS, progress)
        if "already up" in outcome.out:
            step.result = "already up"
    bound = running()
    if bound is None:
        raise ProblemReport(
            [
                Problem(
                    "local node",
                    "it runs, but it was built from another version of tools/node",
                    "the running programs do not match this version",
                    "make down, then make up",
                )
            ]
        )
    return bound


def _script(name: str, seconds: float, progress: Progress) -> process.Outcome:
    """Run one of the node's scripts, after a previous one has finished its clean-up.

    The script ends when this process ends, even if killed: it stops its builds and releases the
    lock of the node.
    """
    deadline = time.monotonic() + _CLEARING_SECONDS
    while True:
        outcome = process.run(
            [FOLDER / name],
            if_killed="TERM",
            env=_MESSAGE_FORMAT,
            timeout=seconds,
            on_line=lambda line: progress.say(_plain(line)),
        )
        if outcome.ok:
            return outcome
        if "works on this node" not in outcome.err or time.monotonic() > deadline:
            raise ProblemReport(problems_of(outcome))
        time.sleep(1.0)


def running() -> Kubectl | None:
    """kubectl for the node; None if the node is down."""
    environment = _environment()
    kubeconfig = Path(environment["KUBECONFIG"])
    if not (kubeconfig.exists() and program(environment).exists()):
        return None
    bound = Kubectl(program(environment), CONTEXT, kubeconfig)
    alive = bound.run("get", "--raw=/readyz", "--request-timeout=5s", timeout=10)
    return bound if alive.ok else None


def down(progress: Progress) -> None:
    """Stop the node and delete everything but its caches; does nothing if it is down."""
    with progress.step("Stopping the local node"):
        _script("down", 120, progress)


def has_leftovers() -> bool:
    """Whether there is anything that ``down`` would delete, also after an interrupted ``up``."""
    return Path(_environment()["KUBECONFIG"]).parent.exists()


def program(environment: dict[str, str]) -> Path:
    """The path of the kubectl that the node has built."""
    return Path(environment["PATH"].split(":")[0], "kubectl")


def _environment() -> dict[str, str]:
    """The environment variables that ``tools/node/env`` sets in a shell."""
    outcome = process.run([FOLDER / "env"], timeout=20)
    if not outcome.ok:
        raise ProblemReport(problems_of(outcome))
    return dict(re.findall(r"(\w+)=(\S+)", outcome.out))


def _plain(line: str) -> str:
    """A line of the node's output without its elapsed time and prefix."""
    line = re.sub(r"^\[ *\d+s\] ", "", line).replace(_SEPARATOR, ": ")
    return line.removeprefix("node: ")


def problems_of(outcome: process.Outcome) -> list[Problem]:
    """Parse the node's messages as problems: each line has what, consequence and fix."""
    problems: list[Problem] = []
    for line in outcome.err.splitlines():
        parts = line.removeprefix("node: ").split(_SEPARATOR)
        if line.startswith("node: ") and len(parts) == 3:
            problems.append(Problem("local node", *parts))
    return problems or [
        Problem(
            "local node",
            outcome.last_lines(3) or f"it ended with status {outcome.status}",
            "there is no cluster to deploy to",
            "read the logs that tools/node/README.md lists, then make down and make up",
        )
    ]


def assemble(name: str, arguments: Sequence[str], progress: Progress) -> None:
    """Assemble an image for the node; layers that exist are reused."""
    outcome = process.run(
        [FOLDER / "image", name, *arguments],
        timeout=_ASSEMBLY_SECONDS,
        on_line=lambda line: progress.say(_plain(line)),
    )
    if not outcome.ok:
        raise ProblemReport(
            [
                Problem(
                    f"image {name}",
                    f"its build failed: {_plain(outcome.last_lines(2))}",
                    "its pods would not start",
                    "check that the Debian archive and the Python package index can be reached "
                    "and that the disk has room, then run this again: finished layers are kept",
                )
            ]
        )


@contextlib.contextmanager
def assembling(name: str, arguments: Sequence[str]) -> Generator[None]:
    """Assemble an image in the background while the block runs; ended with the block."""
    with process.background([FOLDER / "image", name, *arguments]):
        yield


def image_manifest(name: str) -> Path:
    """The path of the manifest of the image with this full name on the node."""
    cache = Path(_environment()["PATH"].split(":")[0]).parent
    path, _, tag = name.rpartition(":")
    return cache / "images" / "manifests" / path / tag
