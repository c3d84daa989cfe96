"""Runs a container of a recorded pod on this machine, isolated, as the user nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.kubernetes.container import NOBODY

from . import programs
from .pods import PROGRAMS, Pod, give
from .server import until

ROOT = Path(__file__).parents[2]
ETC = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime")


@dataclass
class RunningContainer:
    """A running container; killing its first process ends all of its processes, as in a pod."""

    pod: Pod
    container: str
    process: subprocess.Popen[bytes] = field(init=False)
    pid: int = field(init=False)

    @property
    def work(self) -> Path:
        """The folder of this container's root file system."""
        return self.pod.directory / self.pod.name / "containers" / self.container

    @property
    def log(self) -> str:
        """Its stdout and stderr since its last start."""
        return (self.work / "log").read_text()

    def start(self, command: Sequence[str]) -> None:
        """Create the container's root file system and start ``command`` in it."""
        self._prepare()
        pid_file = self.work / "pid"
        pid_file.unlink(missing_ok=True)
        script = Path(__file__).with_name("isolate.sh")
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        (self.work / "log").write_bytes(b"")
        give(self.work / "log", 0o666)
        with (self.work / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--ipc", "--fork", "--propagation", "private"),
                    *("sh", script, self.work, pid_file, "env", "-i", *variables, *command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(lambda: pid_file.exists() or self.process.poll() is not None)
        assert pid_file.exists(), self.log
        self.pid = int(pid_file.read_text())

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as an exec probe does."""
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        namespaces = ("--mount", "--pid", "--ipc", "--root", "--wd")
        return subprocess.run(
            [
                *("nsenter", "--target", str(self.pid), *namespaces, "--setuid", str(NOBODY)),
                *("--setgid", str(NOBODY), "--", "env", "-i", *variables, *command),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )

    def command_lines(self) -> list[str]:
        """The command lines of all processes in the container."""
        answer = self.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo")
        return answer.stdout.splitlines()

    def terminate(self) -> None:
        """Send SIGTERM, as the kubelet does first."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, as the kubelet does after the grace period."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.process.wait()

    def exit_status(self, within_seconds: float = 15) -> int:
        """Wait for its end and return its exit status, negative for a signal."""
        return self.process.wait(within_seconds)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of its processes."""
        return self.pod.environment(self.container)

    def mounts(self) -> dict[str, Path]:
        """New directories for its volumes, or a file of one, by mount path."""
        mounts = self.pod.container(self.container)["volumeMounts"]
        return {
            m["mountPath"]: self.pod.volume(m["name"], fresh=True) / m.get("subPath", "")
            for m in mounts
        }

    def _prepare(self) -> None:
        for name in ("root", "etc", "programs"):
            shutil.rmtree(self.work / name, ignore_errors=True)
            (self.work / name).mkdir(parents=True)
        for name in ETC:
            if (source := Path("/etc") / name).exists():
                shutil.copy(source, self.work / "etc" / name)
        names = " ".join(("localhost", *self.pod.hosts))
        others = "".join(f"{address} {name}\n" for name, address in self.pod.addresses.items())
        (self.work / "etc/hosts").write_text(f"127.0.0.1 {names}\n{others}")
        link_programs(self.work / "programs")
        mounts = [f"{self.work / 'programs'} {PROGRAMS} ro"]
        mounted = self.pod.container(self.container)["volumeMounts"]
        read_only = {mount["mountPath"] for mount in mounted if mount.get("readOnly")}
        for place, source in self.mounts().items():
            mounts.append(f"{source} {place} {'ro' if place in read_only else 'rw'}")
        # After the volumes, so that the pod's /tmp does not hide files in this machine's /tmp.
        machine = [ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix)]
        machine += [programs.CACHE, Path("/usr")]
        machine += [Path(p) for p in ("/bin", "/lib", "/lib64") if not Path(p).is_symlink()]
        mounts += [f"{path} {path} ro" for path in machine if path.exists()]
        (self.work / "mounts").write_text("\n".join(mounts) + "\n")


def link_programs(place: Path) -> None:
    """Link the programs of all images under the paths that they have in the images."""
    known = {name: programs.find(name) for name in ("nginx", "redis-cli")}
    for name in ("redis", "postgres"):
        exporter = programs.find(f"{name}_exporter", f"prometheus-{name}-exporter")
        known[f"{name}_exporter"] = exporter
    for name in ("server", "cli"):
        known[f"valkey-{name}"] = programs.find(f"valkey-{name}", f"redis-{name}")
    if server := programs.find("postgres"):
        folder = Path(server).resolve().parent
        names = ("postgres", "initdb", "pg_isready", "psql")
        known |= {name: str(folder / name) for name in names}
    for name, path in known.items():
        if path:
            (place / name).symlink_to(path)
    launcher = place / "qudag-mcp-server"
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m runtime "$@"\n')
    launcher.chmod(0o755)
