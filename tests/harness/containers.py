"""A container of a recorded pod, run on this machine: files where the pod has them, as nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.container import NOBODY
from delivery.graph import ResourceGraph

from . import programs
from .server import until

ROOT = Path(__file__).parents[2]
ETC = ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime")
SHELL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = "/programs"


@dataclass
class Pod:
    """A pod's spec, what it mounts, and the directory that its volumes are made in.

    Attributes:
        spec: as in a pod template; its containers are started one by one.
        config_maps, secrets: the content of each, by name and key.
        hosts: names that lead to this machine's loopback.
    """

    name: str
    spec: Mapping[str, Any]
    directory: Path
    config_maps: dict[str, dict[str, str]]
    secrets: dict[str, dict[str, str]]
    hosts: Sequence[str] = ()

    @classmethod
    def recorded(
        cls,
        graph: ResourceGraph,
        workload: str,
        directory: Path,
        secrets: dict[str, dict[str, str]],
    ) -> Pod:
        """The pod of a workload."""
        kinds = ("Deployment", "StatefulSet")
        found = [
            resource.inputs["spec"]["template"]["spec"]
            for kind in kinds
            for resource in graph.all(f"kubernetes:apps/v1:{kind}")
            if resource.inputs["metadata"]["name"] == workload
        ]
        config_maps = {
            resource.inputs["metadata"]["name"]: dict(resource.inputs["data"])
            for resource in graph.all("kubernetes:core/v1:ConfigMap")
        }
        return cls(workload, found[0], directory, config_maps, secrets)

    def container(self, name: str) -> Mapping[str, Any]:
        """The container's spec."""
        return next(c for c in self.spec["containers"] if c["name"] == name)

    def environment(self, container: str) -> dict[str, str]:
        """The container's variables, and what an image would set for its programs."""
        given = {
            entry["name"]: entry.get("value", f"{self.name}-0")
            for entry in self.container(container)["env"]
        }
        libraries = programs.environment()["LD_LIBRARY_PATH"]
        return given | {"PATH": f"{PROGRAMS}:{SHELL_PATH}", "LD_LIBRARY_PATH": libraries}

    def volume(self, name: str, *, fresh: bool = False) -> Path:
        """The directory that stands for the volume, filled as the kubelet would fill it."""
        none: dict[str, Any] = {}  # a claim of a StatefulSet is in no list of volumes
        source: dict[str, Any] = next((v for v in self.spec["volumes"] if v["name"] == name), none)
        path = self.directory / self.name / "volumes" / name
        if fresh and source and "persistentVolumeClaim" not in source:  # a claim's data stays
            shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            path.mkdir(parents=True)
            _give(path, 0o2770)
        if "configMap" in source:
            for key, text in self.config_maps[source["configMap"]["name"]].items():
                (path / key).write_text(text)
            path.chmod(0o755)
        if "secret" in source:
            secret = source["secret"]
            for item in secret["items"]:
                file = path / item["path"]
                file.write_text(self.secrets[secret["secretName"]][item["key"]])
                _give(file, secret["defaultMode"])
        return path

    @contextlib.contextmanager
    def running(
        self, container: str, command: Sequence[str] | None = None
    ) -> Generator[RunningContainer]:
        """The container, started (with another command than its own if one is given)."""
        running = RunningContainer(self, container)
        running.start(command or self.container(container)["command"])
        try:
            yield running
        finally:
            running.kill()


@dataclass
class RunningContainer:
    """A started container; a kill of its first process ends all of it, as in a pod."""

    pod: Pod
    container: str
    process: subprocess.Popen[bytes] = field(init=False)
    pid: int = field(init=False)

    @property
    def work(self) -> Path:
        """Where this container is put together."""
        return self.pod.directory / self.pod.name / "containers" / self.container

    @property
    def log(self) -> str:
        """All it has said, on both streams, since its last start."""
        return (self.work / "log").read_text()

    def start(self, command: Sequence[str]) -> None:
        """Put the container's root together, and start ``command`` in it."""
        self._prepare()
        pid_file = self.work / "pid"
        pid_file.unlink(missing_ok=True)
        script = Path(__file__).with_name("isolate.sh")
        variables = [f"{k}={v}" for k, v in self.pod.environment(self.container).items()]
        (self.work / "log").write_bytes(b"")
        _give(self.work / "log", 0o666)
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
        """Run another command in the container, as a probe does."""
        variables = [f"{k}={v}" for k, v in self.pod.environment(self.container).items()]
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
        """The command line of every process in the container."""
        answer = self.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo")
        return answer.stdout.splitlines()

    def terminate(self) -> None:
        """What the kubelet does first."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """What the kubelet does last."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.process.wait()

    def exit_status(self, within_seconds: float = 15) -> int:
        """Wait for its end; negative: the signal that ended it."""
        return self.process.wait(within_seconds)

    def _prepare(self) -> None:
        for name in ("root", "etc", "programs"):
            shutil.rmtree(self.work / name, ignore_errors=True)
            (self.work / name).mkdir(parents=True)
        for name in ETC:
            if (source := Path("/etc") / name).exists():
                shutil.copy(source, self.work / "etc" / name)
        names = " ".join(("localhost", *self.pod.hosts))
        (self.work / "etc/hosts").write_text(f"127.0.0.1 {names}\n")
        _link_programs(self.work / "programs")
        mounts = [f"{self.work / 'programs'} {PROGRAMS} ro"]
        for mount in self.pod.container(self.container)["volumeMounts"]:
            access = "ro" if mount.get("readOnly") else "rw"
            source = self.pod.volume(mount["name"], fresh=True)
            mounts.append(f"{source} {mount['mountPath']} {access}")
        # After the volumes: what this machine has in /tmp must not vanish under the pod's.
        machine = [ROOT, Path(sys.prefix), Path(sys.base_prefix), programs.CACHE, Path("/usr")]
        machine += [Path(p) for p in ("/bin", "/lib", "/lib64") if not Path(p).is_symlink()]
        mounts += [f"{path} {path} ro" for path in machine if path.exists()]
        (self.work / "mounts").write_text("\n".join(mounts) + "\n")


def _link_programs(place: Path) -> None:
    """The programs of all images under the names that the images have them under."""
    known = {name: programs.find(name) for name in ("nginx", "redis-cli")}
    known["valkey-server"] = programs.find("valkey-server", "redis-server")
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


def _give(path: Path, mode: int) -> None:
    """To the group of the pod's user, as ``fsGroup`` does."""
    os.chown(path, 0, NOBODY)
    path.chmod(mode)
