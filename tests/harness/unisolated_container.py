"""Runs a container without namespaces: its files get paths and ports of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .containers import RunningContainer, link_programs
from .network import port
from .pods import PROGRAMS
from .server import until

PORTS = (8080, 8443, 8081, 8082, 8444, 8445, 8446, 9090, 5432, 6379, 4001)
"""All ports that the platform's programs listen on."""


class UnisolatedContainer(RunningContainer):
    """A container whose addresses are replaced by loopback and its ports by free ones.

    The isolation of the pod's file system, user and process ids is not tested.
    """

    def start(self, command: Sequence[str]) -> None:
        """Rewrite the mounted files and start ``command``."""
        self.work.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.work / "programs", ignore_errors=True)
        (self.work / "programs").mkdir()
        link_programs(self.work / "programs")
        self.places = {PROGRAMS: self.work / "programs", **self.mounts()}
        config_maps = {v["name"] for v in self.pod.spec["volumes"] if "configMap" in v}
        for volume in self.places.values():
            for file in volume.iterdir() if volume.name in config_maps else ():
                file.write_text(self.here(file.read_text()))
        with (self.work / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [self.here(word) for word in command],
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self.process.pid

    @property
    def variables(self) -> dict[str, str]:
        """The pod's environment variables, and `PGPORT` for PostgreSQL's clients."""
        given = super().variables
        path = given["PATH"].replace(PROGRAMS, str(self.work / "programs"))
        return given | {"PATH": path, "PGPORT": str(port(5432))}

    def here(self, text: str) -> str:
        """``text`` with the pod's paths, addresses, names and ports replaced by this machine's."""

        def found(match: re.Match[str]) -> str:
            path, any_address, number = match.groups()
            if path:
                return str(self.places[path])
            if number:
                return str(port(int(number)))
            return "listen 127.0.0.1:" if any_address == "listen " else "127.0.0.1"

        paths = "|".join(map(re.escape, sorted(self.places, key=len, reverse=True)))
        names = "|".join([r"0\.0\.0\.0", r"(?<=')\*(?=')", *map(re.escape, self.pod.hosts)])
        return re.sub(
            rf"(?<![\w./-])({paths})(?![\w-])|(listen (?=\d)|{names})"
            rf"|(?<![\d.])({'|'.join(map(str, PORTS))})(?![\d.])",
            found,
            text,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command with the same rewritten paths."""
        return subprocess.run(
            [self.here(word) for word in command],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )

    def command_lines(self) -> list[str]:
        """The command lines of its processes."""
        texts = [Path(f"/proc/{pid}/cmdline").read_text() for pid in self._processes()]
        return [text.replace("\0", " ") for text in texts]

    def kill(self) -> None:
        """Kill all of its processes and wait until they are gone."""
        processes = self._processes()
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))

    def _processes(self) -> list[int]:
        """Its first process, if it runs, and all descendants."""
        children: dict[int, list[int]] = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(process.name))
        found = [] if self.process.poll() is not None else [self.pid]
        for pid in found:  # the loop appends to the list
            found += children.get(pid, [])
        return found
