"""`make up` killed at a chosen moment, and what must be true after the next one."""

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

from .deployed import ROOT, verb

_MARK = "QUDAG_MCP_TEST_RUN"
_ENDLESS = 900.0


class Killed(Enum):
    """Which of the processes of a `make up` get SIGKILL."""

    COMMAND = "the command alone"
    GROUP = "make and the command, as a closed terminal or a supervisor would"
    ALL = "every process, as when memory runs out"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A point in an `up`.

    Attributes:
        step: how its step begins.
        share: how far into the step, by the time that it takes undisturbed.
        line: what a later line of the step says by then.
        created: resources that Pulumi has created by then.
        killed: what is killed then.
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
    """A `make up` as a user starts it, in a group of its own; its progress as it comes."""

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
        """Its lines, kept too."""
        for line in self.process.stderr or ():
            self.lines.append(line.rstrip())
            yield self.lines[-1]

    def to_the_end(self) -> str:
        """All that it said; fails where it fails."""
        said = "\n".join(self.progress())
        assert self.process.wait(_ENDLESS) == 0, said
        return said

    def processes(self) -> list[int]:
        """Those that run on its behalf, wherever they were moved to since."""
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
                # A process may be starting another: until there is none.
                while alive := [pid for pid in self.processes() if pid != os.getpid()]:
                    for pid in alive:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    self.process.poll()
        assert self.process.wait(30) != 0


@dataclass(frozen=True)
class Undisturbed:
    """An `up` from nothing that nobody interrupts: its steps' lengths, and what it leaves."""

    seconds: Mapping[str, float]
    objects: Counter[str]
    files: frozenset[str]

    @classmethod
    def of(cls, said: str, kubectl: Kubectl) -> Undisturbed:
        """Read off an `up` that has just ended, from what it said."""
        ended = re.findall(r"^\[ *\d+s\] (\S.*?): .*\(([\d.]+) s\)$", said, re.MULTILINE)
        seconds = {title: float(length) for title, length in ended}
        return cls(seconds, objects(kubectl), files())

    def step_seconds(self, step: str) -> float:
        return next(length for title, length in self.seconds.items() if title.startswith(step))


def interrupt(moment: Moment, undisturbed: Undisturbed, env: Mapping[str, str]) -> MakeUp:
    """Starts a `make up` and kills it at the moment; fails where it ends before."""
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
    """A cluster of ours on which one engine deploys dev, again and again.

    Attributes:
        env: what chooses the engine.
    """

    kubectl: Kubectl
    env: Mapping[str, str]
    undisturbed: Undisturbed

    def survives(self, moment: Moment) -> MakeUp:
        """Kills an `up` from nothing at the moment; the next one must leave what it should."""
        gone = verb("down", "--keep-cluster")
        assert gone.status == 0, gone.err
        killed = interrupt(moment, self.undisturbed, self.env)
        print("\n".join([*killed.lines, f"killed: {moment}"]))
        print(MakeUp.start(self.env).to_the_end())
        wanted = self.undisturbed.objects
        # What is being deleted goes in its own time; what is doubled stays.
        until(lambda: objects(self.kubectl) == wanted, 40, lambda: differing(self.kubectl, wanted))
        again = MakeUp.start(self.env).to_the_end()
        assert re.search(r"Deployment by .*: nothing changed \(", again), again
        assert killed.processes() == []
        assert files() == self.undisturbed.files
        return killed


@contextlib.contextmanager
def ground(env: Mapping[str, str]) -> Generator[Ground]:
    """The local cluster with dev deployed on it once, undisturbed."""
    if cluster.parse_request(os.environ.get("CLUSTER") or None)[0] == "context":
        pytest.skip("only in a cluster of our own: CLUSTER=node or CLUSTER=kind")
    assert verb("down", "--keep-cluster").status == 0
    first = MakeUp.start(env)
    said = first.to_the_end()
    found = cluster.running(os.environ.get("CLUSTER") or None)
    assert found is not None
    yield Ground(found.kubectl, env, Undisturbed.of(said, found.kubectl))
    assert verb("down", "--keep-cluster").status == 0


def differing(kubectl: Kubectl, wanted: Counter[str]) -> str:
    """What there is too much of, and too little."""
    there = objects(kubectl)
    return f"too much: {dict(there - wanted)}, missing: {dict(wanted - there)}"


def until(holds: Callable[[], bool], seconds: float, explained: Callable[[], str]) -> None:
    """Waits for it; fails with the explanation where it does not come."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, explained()
        time.sleep(0.5)


def objects(kubectl: Kubectl) -> Counter[str]:
    """How often each object is there, in the whole cluster, and how many apply its fields.

    Drawn names are told by what they begin with, and by what they are for.
    """
    kinds = kubectl.must("api-resources", "--verbs=list", "--output=name").split()
    passing = ("events", "leases", "metrics.k8s.io", "componentstatuses")
    lasting = [kind for kind in kinds if not any(word in kind for word in passing)]
    found = kubectl.objects(",".join(lasting), "--all-namespaces", "--show-managed-fields")
    return Counter(_called(thing) for thing in found if not _has_ended(thing))


def _called(thing: Mapping[str, Any]) -> str:
    metadata = thing["metadata"]
    name = metadata["name"]
    if drawn := metadata.get("generateName"):
        name = f"{drawn}*"
    drawn_for = {"PersistentVolume": "claimRef", "IPAddress": "parentRef"}
    if field := drawn_for.get(thing["kind"]):
        owner = thing["spec"][field]
        name = f"for {owner['namespace']}/{owner['name']}"
    owners = [one for one in metadata.get("managedFields", ()) if one["operation"] == "Apply"]
    applied = f" (applied by {len(owners)})" if owners else ""
    return "/".join((thing["kind"], metadata.get("namespace", ""), name)) + applied


def _has_ended(thing: Mapping[str, Any]) -> bool:
    """Whether it is a Job's pod that has run: how many tries it takes is no matter."""
    return thing["kind"] == "Pod" and thing["status"].get("phase") in {"Succeeded", "Failed"}


def files() -> frozenset[str]:
    """What is in the state folder of dev, Pulumi's numbered files apart."""
    folder = state_folder("dev")
    names = (str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    return frozenset(re.sub(r"\d{13,}", "N", name) for name in names)


def exported(deployment: Deployment) -> dict[str, Any]:
    """Each resource in Pulumi's state, by its URN: what it is, and what it was asked to be."""
    resources = _state(deployment)["resources"]
    return {one["urn"]: (one.get("id"), one.get("inputs")) for one in resources}


def pending_operations(deployment: Deployment) -> list[Any]:
    """What Pulumi's state holds as begun and not ended."""
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
