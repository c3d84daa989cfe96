"""Kills `make up` at a chosen moment, and checks the state after the next `make up`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from delivery import cluster
from delivery.kubectl import Kubectl
from delivery.pulumi_stack import Deployment
from delivery.state_folders import state_folder

from .cluster_objects import objects, uids
from .deployed_platform import ROOT, verb

_MARK = "QUDAG_MCP_TEST_RUN"
_ENDLESS = 900.0


class Killed(Enum):
    """The processes of a `make up` that get SIGKILL."""

    COMMAND = "the command alone"
    GROUP = "make and the command, as a closed terminal or a supervisor would"
    ALL = "every process, as when memory runs out"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment during `make up`.

    Attributes:
        step: the first words of the step's title.
        share: fraction of the step's usual duration.
        line: text of a line that the step must have printed.
        created: number of resources that Pulumi must have created.
        killed: the processes to kill.
    """

    step: str
    share: float = 0.0
    line: str = ""
    created: int = 0
    killed: Killed

    def __str__(self) -> str:
        where = f"{self.share:.0%} of " if self.share else ""
        after = f", {self.created} created" if self.created else ""
        said = f", {self.line}" if self.line else ""
        return f"{self.killed.name}: {where}{self.step}{after}{said}"


@dataclass
class MakeUp:
    """A `make up` in its own process group, with its output lines."""

    process: subprocess.Popen[str]
    mark: str
    lines: list[str] = field(default_factory=list[str])

    @classmethod
    def start(cls, env: Mapping[str, str]) -> MakeUp:
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            ["make", "up"],
            cwd=ROOT,
            env={**os.environ, **env, _MARK: mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return cls(process, mark)

    def progress(self) -> Iterator[str]:
        """Its output lines, which are also kept."""
        for line in self.process.stderr or ():
            self.lines.append(line.rstrip())
            yield self.lines[-1]

    def to_the_end(self) -> str:
        """Wait for its end; returns its output, or fails if it failed."""
        said = "\n".join(self.progress())
        assert self.process.wait(_ENDLESS) == 0, said
        return said

    def processes(self) -> list[int]:
        """All of its processes, also those in other process groups."""
        wanted = f"{_MARK}={self.mark}".encode()
        found: list[int] = []
        for file in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if wanted in file.read_bytes().split(b"\0"):
                    found.append(int(file.parts[2]))
        return found

    def kill(self, killed: Killed) -> None:
        match killed:
            case Killed.COMMAND:
                children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
                (command,) = map(int, children.read_text().split())
                os.kill(command, signal.SIGKILL)
            case Killed.GROUP:
                os.killpg(self.process.pid, signal.SIGKILL)
            case Killed.ALL:
                # A process may be starting another one, so repeat until none is left.
                while alive := [pid for pid in self.processes() if pid != os.getpid()]:
                    for pid in alive:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    self.process.poll()
        assert self.process.wait(30) != 0


@dataclass(frozen=True)
class Undisturbed:
    """The durations of the steps of an uninterrupted `up`, and the objects that it leaves."""

    seconds: Mapping[str, float]
    objects: Counter[str]
    files: frozenset[str]

    @classmethod
    def of(cls, said: str, kubectl: Kubectl, others: frozenset[str]) -> Undisturbed:
        """Read them from the output of an `up` that has just ended, and from the cluster."""
        ended = re.findall(r"^\[ *\d+s\] (\S.*?): .*\(([\d.]+) s\)$", said, re.MULTILINE)
        seconds = {title: float(length) for title, length in ended}
        return cls(seconds, objects(kubectl, others), files())

    def step_seconds(self, step: str) -> float:
        return next(length for title, length in self.seconds.items() if title.startswith(step))


def interrupt(moment: Moment, undisturbed: Undisturbed, env: Mapping[str, str]) -> MakeUp:
    """Start a `make up` and kill it at the moment; fails if it ends before."""
    running = MakeUp.start(env)
    watchdog = threading.Timer(_ENDLESS, running.process.kill)
    watchdog.start()
    begun, created = False, 0
    for line in running.progress():
        begun = begun or bool(re.match(rf"\[ *\d+s\] {re.escape(moment.step)}.*…$", line))
        created += bool(re.search(r"\bcreated \(", line))
        if begun and created >= moment.created and re.search(moment.line, line):
            break
    else:
        raise AssertionError(f"it ended before {moment}:\n" + "\n".join(running.lines))
    watchdog.cancel()
    if moment.share:
        threading.Thread(target=lambda: list(running.progress()), daemon=True).start()
        time.sleep(moment.share * undisturbed.step_seconds(moment.step))
        assert running.process.poll() is None, f"it ended before {moment}"
    running.kill(moment.killed)
    return running


@dataclass(frozen=True)
class Ground:
    """A local cluster on which one engine deploys dev repeatedly.

    Attributes:
        env: the variables that select the engine.
        others: the objects that were in the cluster before, by uid.
    """

    kubectl: Kubectl
    env: Mapping[str, str]
    undisturbed: Undisturbed
    others: frozenset[str]

    def survives(self, *moments: Moment) -> MakeUp:
        """Kill one `up` after the other; the next `up` must leave the same objects as usual.

        An `up` that is killed must reach its moment, so it must have continued the one before.
        Returns the one that was killed last.
        """
        gone = verb("down", "--keep-cluster")
        assert gone.status == 0, gone.err
        killed: list[MakeUp] = []
        for moment in moments:
            killed.append(interrupt(moment, self.undisturbed, self.env))
            print("\n".join([*killed[-1].lines, f"killed: {moment}"]))
        print(MakeUp.start(self.env).to_the_end())
        wanted = self.undisturbed.objects
        # Objects in deletion disappear after a while; duplicates stay.
        until(lambda: self.left() == wanted, 40, lambda: self.differing(wanted))
        again = MakeUp.start(self.env).to_the_end()
        assert re.search(r"Deployment by .*: nothing changed \(", again), again
        assert [pid for one in killed for pid in one.processes()] == []
        assert files() == self.undisturbed.files
        return killed[-1]

    def left(self) -> Counter[str]:
        """The objects that the deployments have left, without earlier ones."""
        return objects(self.kubectl, self.others)

    def differing(self, wanted: Counter[str]) -> str:
        """The surplus and the missing objects, as text."""
        there = self.left()
        return f"too much: {dict(there - wanted)}, missing: {dict(wanted - there)}"


@contextlib.contextmanager
def ground(env: Mapping[str, str]) -> Generator[Ground]:
    """The local cluster, after one uninterrupted deployment of dev."""
    if cluster.parse_request(os.environ.get("CLUSTER") or None)[0] == "context":
        pytest.skip("only in a cluster of our own: CLUSTER=node or CLUSTER=kind")
    request = os.environ.get("CLUSTER") or None
    assert verb("down", "--keep-cluster").status == 0
    before = cluster.running(request)
    others = uids(before.kubectl) if before else frozenset[str]()
    first = MakeUp.start(env)
    said = first.to_the_end()
    found = cluster.running(request)
    assert found is not None
    yield Ground(found.kubectl, env, Undisturbed.of(said, found.kubectl, others), others)
    assert verb("down", "--keep-cluster").status == 0


def until(holds: Callable[[], bool], seconds: float, explained: Callable[[], str]) -> None:
    """Wait until `holds()` is true; fails with the explanation after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, explained()
        time.sleep(0.5)


def files() -> frozenset[str]:
    """The files in dev's state folder, without Pulumi's numbered ones."""
    folder = state_folder("dev")
    names = (str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    return frozenset(re.sub(r"\d{13,}", "N", name) for name in names)


def exported(deployment: Deployment) -> dict[str, Any]:
    """Type and inputs of each resource in Pulumi's state, by URN."""
    resources = _state(deployment)["resources"]
    return {one["urn"]: (one.get("id"), one.get("inputs")) for one in resources}


def pending_operations(deployment: Deployment) -> list[Any]:
    """The pending operations in Pulumi's state."""
    return _state(deployment).get("pending_operations") or []


def _state(deployment: Deployment) -> dict[str, Any]:
    said = subprocess.run(
        [deployment.pulumi, "stack", "export", f"--stack={deployment.stack}"],
        cwd=deployment.root,
        env={**os.environ, **deployment.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(said.stdout)["deployment"]
