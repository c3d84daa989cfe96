"""A real Kubernetes API server for the tests: etcd, API server and controller manager, no root."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import yaml

from graph.manifests import manifests

from . import record

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "tools" / "node"
FIRST_START_SECONDS = 1800  # it may have to be built first, on two busy cores


class NoServer(Exception):
    """This machine cannot run an API server; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class ApiServer:
    """A running API server.

    Attributes:
        run: its run folder.
        programs: the folder with its kubectl.
    """

    run: Path
    programs: Path

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the cluster administrator."""
        return self.run / "kubeconfig"

    def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run its kubectl as the administrator; the caller checks the exit status."""
        return subprocess.run(
            [self.programs / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def create(self, manifest: str) -> subprocess.CompletedProcess[str]:
        """Create the objects of a YAML text, with strict field validation."""
        return self.kubectl("create", "--validate=strict", "-f", "-", stdin=manifest)

    def apply(self, documents: str) -> subprocess.CompletedProcess[str]:
        """Apply the objects of a YAML text on the server's side, with strict field validation."""
        options = ("--server-side", "--validate=strict", "--field-manager=tests", "-f", "-")
        return self.kubectl("apply", *options, stdin=documents)

    def differences(self, documents: str) -> str:
        """What a second `apply` of the same text would change; empty if nothing."""
        options = ("--server-side", "--field-manager=tests", "-f", "-")
        compared = self.kubectl("diff", *options, stdin=documents)
        return compared.stdout + compared.stderr if compared.returncode else ""

    def apply_crds(self, folder: Path) -> None:
        """Apply the CRDs in a folder's YAML files."""
        up(self.run, "--crds", str(folder))


def documents(program: Callable[[], None]) -> str:
    """The objects of a Pulumi program as a YAML text, in the order in which they are applied."""
    made = manifests(record(program))
    return yaml.safe_dump_all([made[name] for name in sorted(made)])


def crds_folder() -> Path | None:
    """The folder with the operators' CRDs ($CRDS_DIR), or None."""
    folder = os.environ.get("CRDS_DIR")
    return Path(folder) if folder and any(Path(folder).glob("*.yaml")) else None


def up(run: Path, *options: str) -> Path:
    """Start the API server with this run folder unless it runs; returns its programs' folder."""
    command = [NODE / "up", "--api-only", "--run", run, *options]
    started = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=FIRST_START_SECONDS
    )
    if sys.platform != "linux" or "no go on PATH" in started.stderr:
        raise NoServer(started.stderr.strip())
    assert started.returncode == 0, started.stderr
    return Path(subprocess.check_output([NODE / "env", "--programs"], text=True).strip())


@contextlib.contextmanager
def api_server(run: Path) -> Generator[ApiServer]:
    """Run an API server for the tests, and stop it at the end."""
    programs = up(run)
    try:
        yield ApiServer(run, programs)
    finally:
        subprocess.run([NODE / "down", "--run", run], check=True, timeout=60)
