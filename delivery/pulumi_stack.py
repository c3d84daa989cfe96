"""Runs the Pulumi CLI for one stack, with its state, passphrase and merged configuration."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.base.problems import Problem, ProblemReport
from graph.stack_files import PROJECT_FILE

from . import pending_operations as pending
from . import process
from .kubectl import Kubectl
from .progress import Progress
from .state_folders import held_locks, write_atomically

QUIET = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
_SALT = "encryptionsalt"
_SALT_FILE = "salt"
_BACKEND = "pulumi"
_LOCKED = "currently locked"
_NO_STACK = "no stack named"
_INTERRUPTED = re.compile(
    r"^[ ]*Traceback .*\n(?:(?!.*Traceback).*\n)*?[ ]*KeyboardInterrupt[ ]*\n"
    r"|^[ ]*During handling of the above exception.*\n",
    re.MULTILINE,
)
"""Output of a program that Pulumi interrupted after an error; it would hide that error."""
_LOCK_SECONDS = 300.0
DEV = "dev"
"""The stack whose Pulumi state is in our state folder."""
_AT_ONCE = ("--yes", "--skip-preview")


def kubeconfig(kubectl: Kubectl, state: Path) -> str:
    """A value of ``KUBECONFIG`` that makes the cluster's context the current one.

    It is a file that only names the context, followed by the user's own: no credential is copied.
    """
    if kubectl.kubeconfig is not None:
        return str(kubectl.kubeconfig)
    chosen = state / "context"
    chosen.write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": kubectl.context})
    )
    own = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return f"{chosen}{os.pathsep}{own}"


@dataclass(frozen=True)
class Deployment:
    """A stack that Pulumi deploys.

    Attributes:
        root: the folder of the Pulumi program.
        state: the stack's state folder; for dev it contains Pulumi's backend and passphrase.
        kubectl: kubectl for the stack's cluster.
    """

    pulumi: Path
    root: Path
    stack: str
    state: Path
    kubectl: Kubectl

    @property
    def environment(self) -> dict[str, str]:
        """The environment of Pulumi: for dev a file backend, else the user's backend."""
        own = {"KUBECONFIG": kubeconfig(self.kubectl, self.state), **QUIET}
        if self.stack != DEV:
            return own
        backend = self.state / _BACKEND
        backend.mkdir(mode=0o700, exist_ok=True)
        return own | {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase()),
        }

    def _passphrase(self) -> Path:
        """A file with a random passphrase that only this user can read; created if absent."""
        path = self.state / "passphrase"
        if not path.exists():
            write_atomically(path, secrets.token_urlsafe(32))
        return path

    def up(self, settings: Mapping[str, Any], progress: Progress) -> dict[str, int]:
        """Run ``pulumi up``; returns the number of resources per kind of change.

        Args:
            settings: configuration of this machine, which overrides the stack's file.
        """
        file = self._select(settings)
        self._resolve_pending_operations(file, progress)
        said = self._run(progress, "up", *_AT_ONCE, "--suppress-outputs", f"--config-file={file}")
        return summary(said)

    def outputs(self) -> dict[str, Any]:
        """The outputs in the stack's Pulumi state."""
        return json.loads(self._ask("stack", "output", "--json").out or "{}")

    def destroy(self, progress: Progress) -> None:
        """Run ``pulumi destroy``; the stack and its history are kept."""
        file = self._select({})
        self._resolve_pending_operations(file, progress)
        self._run(progress, "destroy", *_AT_ONCE, f"--config-file={file}")

    def _select(self, settings: Mapping[str, Any]) -> Path:
        """Create the stack if absent; returns a config file with ``settings`` merged in.

        A new stack's salt is kept in the state folder and not written into the repository.
        """
        own = self.root / f"Pulumi.{self.stack}.yaml"
        salt = self.state / _SALT_FILE
        if self.stack == DEV:
            pending.remove_incomplete_files(self.state / _BACKEND)
        selected = self._ask("stack", "select")
        if not selected.ok and _NO_STACK not in selected.err:
            raise ProblemReport([self._failed("stack select", selected)])
        if not selected.ok and self.stack != DEV:
            raise ProblemReport([self._no_stack(selected)])
        if not selected.ok:
            self._init(salt)
        document: dict[str, Any] = yaml.safe_load(own.read_text())
        if salt.exists():
            document[_SALT] = salt.read_text()
        config: dict[str, Any] = document.setdefault("config", {})
        config.update(settings)
        merged = self.state / own.name
        write_atomically(merged, yaml.safe_dump(document, sort_keys=False))
        return merged

    def _init(self, salt: Path) -> None:
        """Create the stack from a temporary folder, because Pulumi writes the salt there."""
        project = (self.root / PROJECT_FILE).read_text()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, PROJECT_FILE).write_text(project)
            made = self._ask("stack", "init", "--secrets-provider=passphrase", f"--cwd={folder}")
            if not made.ok:
                raise ProblemReport([self._failed("stack init", made)])
            written = yaml.safe_load(Path(folder, f"Pulumi.{self.stack}.yaml").read_text())
            write_atomically(salt, written.get(_SALT, ""))

    def _resolve_pending_operations(self, file: Path, progress: Progress) -> None:
        """Resolve the pending operations of a killed update, so that no object is lost."""
        exported = self._ask("stack", "export").out or "{}"
        if open_ones := pending.operations(exported):
            progress.say(f"resolving {len(open_ones)} pending operations")
            document = pending.resolved_state(exported, self.kubectl)
            self._retry_past_stale_locks(
                "stack import", lambda: self._ask("stack", "import", stdin=document)
            )
            self._run(progress, "refresh", *_AT_ONCE, f"--config-file={file}")

    def _ask(self, *words: str, stdin: str | None = None) -> process.Outcome:
        """Run a short Pulumi command on the stack."""
        argv = [self.pulumi, *words, f"--stack={self.stack}"]
        return process.run(
            argv,
            stdin=stdin,
            cwd=self.root,
            env=self.environment,
            timeout=60,
            if_killed="TERM",
            inherits=held_locks(),
        )

    def _no_stack(self, outcome: process.Outcome) -> Problem:
        return Problem(
            f"pulumi stack select {self.stack}",
            outcome.last_lines(2),
            "you must choose its backend and its secrets provider",
            f"pulumi login, and where the stack is new: pulumi stack init {self.stack}",
        )

    def _run(self, progress: Progress, verb: str, *flags: str) -> str:
        argv = [self.pulumi, verb, "--non-interactive", "--color=never", *flags]

        def attempt() -> process.Outcome:
            return process.run(
                [*argv, f"--stack={self.stack}"],
                cwd=self.root,
                env=self.environment,
                if_killed="INT",
                inherits=held_locks(),
                on_line=progress.say,
            )

        return self._retry_past_stale_locks(verb, attempt)

    def _retry_past_stale_locks(self, verb: str, attempt: Callable[[], process.Outcome]) -> str:
        """Run ``attempt`` until it succeeds, and remove stale locks; returns the output."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            outcome = attempt()
            if outcome.ok:
                return outcome.out
            # In dev's backend only a killed command can hold the lock. Its Pulumi may still be
            # ending; a lock that is left after that is stale.
            locked = _LOCKED in outcome.err + outcome.out
            if not locked or self.stack != DEV or time.monotonic() > deadline:
                raise ProblemReport([self._failed(verb, outcome)])
            if not (self._is_ending() or self._ask("cancel", "--yes").ok):
                raise ProblemReport([self._failed(verb, outcome)])
            time.sleep(1.0)

    def _is_ending(self) -> bool:
        """Whether a Pulumi that holds a lock in dev's backend still runs."""
        files = (self.state / _BACKEND).rglob("locks/**/*.json")
        holders = [json.loads(file.read_text()).get("pid") for file in files]
        return any(Path(f"/proc/{holder}").exists() for holder in holders)

    def _failed(self, verb: str, outcome: process.Outcome) -> Problem:
        locked = "pulumi cancel" if _LOCKED in outcome.err + outcome.out else ""
        return Problem(
            f"pulumi {verb}",
            complaint(outcome),
            "the stack is partly deployed; Pulumi's state lists the deployed resources",
            locked or "fix the named error and run this again: it continues from there",
        )


def delete_state(state: Path) -> None:
    """Delete dev's Pulumi state, after ``destroy`` or when its cluster no longer exists."""
    shutil.rmtree(state / _BACKEND, ignore_errors=True)
    (state / _SALT_FILE).unlink(missing_ok=True)


def complaint(outcome: process.Outcome, most: int = 10) -> str:
    """The diagnostics in Pulumi's output, without progress and counts."""
    _, found, rest = outcome.out.partition("Diagnostics:\n")
    if not found:
        return outcome.last_lines(6) or f"it ended with status {outcome.status}"
    section = re.split(r"^(?:Outputs|Resources|Policies):", rest, maxsplit=1, flags=re.MULTILINE)[0]
    section = _INTERRUPTED.sub("", section)
    lines = [line.rstrip() for line in section.splitlines() if line.strip()]
    return "\n      ".join(lines[-most:]) or "it was interrupted"


def summary(said: str) -> dict[str, int]:
    """Parse the counts under ``Resources:`` at the end of an update, by kind of change."""
    counted = said[said.rfind("Resources:") :].partition("Duration:")[0]
    found = re.findall(r"\b(\d+) (created|updated|deleted|replaced|unchanged)\b", counted)
    return {happened: int(count) for count, happened in found}
