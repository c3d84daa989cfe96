"""Which engine deploys: the user's Pulumi, the pinned release, or plain server-side apply."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import which
from typing import Any

import yaml

from stacks.problems import Problem, ProblemReport

from . import process
from .download import UnavailableError, obtain
from .graph import ResourceGraph
from .kubectl import Kubectl
from .places import keep, tools_cache
from .progress import Progress

OLDEST = (3, 250)
_SALT = "encryptionsalt"


@dataclass(frozen=True)
class Engine:
    """What deploys.

    Attributes:
        pulumi: the CLI; None where the manifests are applied with kubectl.
        why: half a sentence for the user.
    """

    pulumi: Path | None
    why: str

    @property
    def name(self) -> str:
        return "kubectl (server-side apply)" if self.pulumi is None else "Pulumi"


def choose(graph: ResourceGraph, progress: Progress) -> Engine:
    """The engine for this stack on this machine.

    Raises:
        ProblemReport: there is no Pulumi, and the stack holds what kubectl cannot deploy.
    """
    with progress.step("Engine") as step:
        reasons: list[str] = []
        for look in (_installed, _released):
            found = look()
            if isinstance(found, str):
                reasons.append(found)
            elif missing := _missing_plugins(found, graph):
                reasons.append(f"Pulumi at {found} has no plugin {', '.join(missing)}")
            else:
                step.result = f"Pulumi ({found})"
                return Engine(found, f"Pulumi at {found}")
        why = "; ".join(reasons)
        refuse_cloud_resources(graph, why)
        step.result = "kubectl server-side apply: there is no Pulumi state"
        return Engine(None, why)


def _installed() -> Path | str:
    """``pulumi`` on PATH where it is new enough, else why not."""
    found = which("pulumi")
    if found is None:
        return "no pulumi on PATH"
    said = process.run([found, "version"], env=QUIET, timeout=20).out
    numbers = re.match(r"v?(\d+)\.(\d+)", said)
    if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST:
        return Path(found)
    called = said.strip() or "of unknown version"
    return f"pulumi on PATH is {called}, and {OLDEST[0]}.{OLDEST[1]} is needed"


def _released() -> Path | str:
    try:
        return obtain(tools_cache())
    except UnavailableError as reason:
        return f"the release was not fetched: {reason}"


def _missing_plugins(pulumi: Path, graph: ResourceGraph) -> list[str]:
    """Provider plugins that the stack needs, and that are neither here nor to be had."""
    text = process.run([pulumi, "plugin", "ls", "--json"], env=QUIET, timeout=30).out
    there = {(plugin["name"], plugin.get("version", "")) for plugin in json.loads(text or "[]")}
    missing: list[str] = []
    for name in sorted(packages(graph)):
        wanted = version(f"pulumi-{name}")
        if (name, wanted) in there:
            continue
        install = [pulumi, "plugin", "install", "resource", name, f"v{wanted}"]
        try:
            fetched = process.run(install, env=QUIET, timeout=120).ok
        except TimeoutError:
            fetched = False
        if not fetched:
            missing.append(f"{name} {wanted}")
    return missing


def packages(graph: ResourceGraph) -> set[str]:
    """Pulumi packages of the stack's own resources, ``kubernetes`` among them."""
    ours = {"pulumi", graph.project}
    names = {_package(resource.type) for resource in graph.resources if resource.custom}
    return names - ours


def _package(type_token: str) -> str:
    """``aws`` of ``aws:s3/bucket:Bucket`` and of ``pulumi:providers:aws``."""
    first, *rest = type_token.split(":")
    return rest[-1] if first == "pulumi" and rest[0] == "providers" else first


def refuse_cloud_resources(graph: ResourceGraph, why: str) -> None:
    """Refuses a stack that kubectl alone cannot deploy; nothing of it is deployed then."""
    cloud = [
        resource
        for resource in graph.resources
        if resource.custom and _package(resource.type) not in {"kubernetes", "pulumi"}
    ]
    if cloud:
        examples = ", ".join(f"{resource.name} ({resource.type})" for resource in cloud[:3])
        raise ProblemReport(
            [
                Problem(
                    f"stack {graph.stack}",
                    f"{len(cloud)} of its resources are not Kubernetes objects: {examples}",
                    f"kubectl cannot make them, and there is no Pulumi here ({why})",
                    "install Pulumi 3.250 or newer: https://www.pulumi.com/docs/install/",
                )
            ]
        )


def kubeconfig(kubectl: Kubectl, state: Path) -> str:
    """A ``KUBECONFIG`` in which the cluster's context is the current one.

    No credential is copied: a file that only names the context stands before the user's own.
    """
    if kubectl.kubeconfig is not None:
        return str(kubectl.kubeconfig)
    chosen = state / "context"
    chosen.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": kubectl.context})
    )
    own = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return f"{chosen}{os.pathsep}{own}"


# ---- driving Pulumi ------------------------------------------------------------------------------

QUIET = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}


@dataclass(frozen=True)
class Deployment:
    """A stack under Pulumi.

    Attributes:
        root: the folder of the program.
        state: our folder for this stack; holds the backend and the passphrase of dev.
        kubeconfig: what ``KUBECONFIG`` says to the Kubernetes provider.
    """

    pulumi: Path
    root: Path
    stack: str
    state: Path
    kubeconfig: str

    @property
    def environment(self) -> dict[str, str]:
        """Dev keeps its state in our folder; other stacks use the backend the user chose."""
        own = {"KUBECONFIG": self.kubeconfig, **QUIET}
        if self.stack != "dev":
            return own
        backend = self.state / "pulumi"
        backend.mkdir(mode=0o700, exist_ok=True)
        return own | {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase()),
        }

    def _passphrase(self) -> Path:
        """A random passphrase that only this user can read; made when absent."""
        path = self.state / "passphrase"
        if not path.exists():
            keep(path, secrets.token_urlsafe(32))
        return path

    def up(self, settings: Mapping[str, Any], progress: Progress) -> dict[str, int]:
        """Deploys; how many resources were created, updated, deleted or unchanged.

        Args:
            settings: configuration that this machine decides, over that of the stack's file.
        """
        file = self._select(settings)
        said = self._run(progress, "up", "--yes", "--skip-preview", f"--config-file={file}")
        return summary(said)

    def outputs(self) -> dict[str, Any]:
        """What the stack exports, as it was deployed."""
        argv = [self.pulumi, "stack", "output", "--json", f"--stack={self.stack}"]
        return json.loads(process.run(argv, cwd=self.root, env=self.environment).out or "{}")

    def destroy(self, progress: Progress) -> None:
        """Deletes what is deployed; the stack and its history stay."""
        file = self._select({})
        self._run(progress, "destroy", "--yes", "--skip-preview", f"--config-file={file}")

    def forget(self) -> None:
        """Drops the state of what is gone already, as when its whole cluster was thrown away."""
        argv = [self.pulumi, "stack", "rm", "--yes", "--force", "--preserve-config", self.stack]
        process.run(argv, cwd=self.root, env=self.environment, timeout=60)

    def _select(self, settings: Mapping[str, Any]) -> Path:
        """Makes the stack when absent; returns its configuration with ``settings`` over it.

        A new stack's salt would be written into the repository: it is kept in our folder instead.
        """
        own = self.root / f"Pulumi.{self.stack}.yaml"
        salt = self.state / "salt"
        chosen = [self.pulumi, "stack", "select", self.stack]
        if not process.run(chosen, cwd=self.root, env=self.environment, timeout=60).ok:
            before = own.read_bytes()
            try:
                made = process.run(
                    [self.pulumi, "stack", "init", self.stack, "--secrets-provider=passphrase"],
                    cwd=self.root,
                    env=self.environment,
                    timeout=60,
                )
                if not made.ok:
                    raise ProblemReport([self._failed("stack init", made)])
                keep(salt, yaml.safe_load(own.read_text()).get(_SALT, ""))
            finally:
                own.write_bytes(before)
        document: dict[str, Any] = yaml.safe_load(own.read_text())
        if salt.exists():
            document[_SALT] = salt.read_text()
        config: dict[str, Any] = document.setdefault("config", {})
        config.update(settings)
        merged = self.state / own.name
        keep(merged, yaml.safe_dump(document, sort_keys=False))
        return merged

    def _run(self, progress: Progress, verb: str, *flags: str) -> str:
        argv = [self.pulumi, verb, "--non-interactive", "--color=never", *flags]
        outcome = process.run(
            [*argv, f"--stack={self.stack}"],
            cwd=self.root,
            env=self.environment,
            on_line=progress.say,
        )
        if not outcome.ok:
            raise ProblemReport([self._failed(verb, outcome)])
        return outcome.out

    def _failed(self, verb: str, outcome: process.Outcome) -> Problem:
        locked = "pulumi cancel" if "currently locked" in outcome.err + outcome.out else ""
        return Problem(
            f"pulumi {verb}",
            complaint(outcome),
            "the stack is deployed in part; Pulumi's state knows which part",
            locked or "mend what is named and run this again: it goes on from there",
        )


def complaint(outcome: process.Outcome, most: int = 10) -> str:
    """What Pulumi says went wrong: its diagnostics, without the progress and the counts around."""
    _, found, rest = outcome.out.partition("Diagnostics:\n")
    if not found:
        return outcome.last_lines(6) or f"it ended with status {outcome.status}"
    section = re.split(r"^(?:Outputs|Resources|Policies):", rest, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line.rstrip() for line in section.splitlines() if line.strip()]
    return "\n      ".join(lines[-most:])


def summary(said: str) -> dict[str, int]:
    """The counts under ``Resources:`` at the end of an update, by what happened."""
    tail = said[said.rfind("Resources:") :]
    found = re.findall(
        r"^ *[+~-]* *(\d+) (created|updated|deleted|replaced|unchanged)", tail, re.MULTILINE
    )
    return {happened: int(count) for count, happened in found}
