"""Runs the programs that build an image layer, and reports why a build failed."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

STARTED = time.monotonic()
RECIPES = Path(__file__).resolve().parent / "recipes"


class NotMade(Exception):
    """An image cannot be built; the message has what, consequence and fix."""

    def __init__(self, what: str, fix: str) -> None:
        between = os.environ.get("NODE_SEPARATOR", ": ")  # as a program that reads it asks for
        super().__init__(between.join((what, "the image is not made", fix)))


@dataclass(frozen=True)
class Places:
    """The folders of the cache and of the Debian tools, and the registry's host and port."""

    cache: Path
    debroot: Path
    registry: str

    @property
    def store(self) -> Path:
        return self.cache / "images"


def step(text: str) -> None:
    print(f"[{int(time.monotonic() - STARTED):4d}s] {text}", flush=True)


def make(at: Places, what: str, recipe: str, *args: str) -> None:
    """Run a recipe as root in a new mount namespace."""
    if os.geteuid() != 0:
        raise NotMade(f"not root, as {what} must be", "run it as root")
    command = ["unshare", "-m", "--propagation", "private", str(RECIPES / recipe), *args]
    env = {
        "DEBOOTSTRAP_DIR": f"{at.debroot}/usr/share/debootstrap",
        "PATH": f"{at.debroot}/usr/sbin:{os.environ['PATH']}:/usr/sbin:/sbin",
    }
    run(at, what, command, env)


def run(at: Places, what: str, command: list[str], env: dict[str, str] | None = None) -> None:
    """Run a program with its output in a log; it ends when this process ends."""
    log = at.cache / "log" / f"{what.replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        job = subprocess.Popen(
            command,
            env=os.environ | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            status = job.wait()
        except BaseException:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
            raise
    if status:
        raise reason(what, log)


def reason(what: str, log: Path) -> NotMade:
    """The reason of a failure from its log, and what to do."""
    lines = [x for x in log.read_text(errors="replace").splitlines() if x.strip()]
    text, last = "\n".join(lines), lines[-1][:300] if lines else "no output"
    if "No space left on device" in text:
        return NotMade(f"{what}: the disk is full", "free some space and run it again")
    unreachable = ("Temporary failure", "Could not resolve", "Could not connect", "Failed to fetch")
    if any(x in text for x in (*unreachable, "Failed to establish", "Failed getting release file")):
        return NotMade(
            f"{what}: the network cannot be reached ({last})",
            "check the connection and the proxy variables, and run it again",
        )
    return NotMade(f"{what} failed ({last})", f"read {log}")
