"""Deploys a stack with Pulumi or kubectl: secrets, resources, outputs with real addresses."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.base.problems import Problem, ProblemReport

from . import applyset, local_secrets
from .cluster import Cluster
from .engine import Engine
from .kubectl import Object
from .local_secrets import RequiredSecret
from .outputs import Deployed, EntryService, entry_service, resolved, waiting_for_address
from .progress import Progress
from .pulumi_stack import Deployment, delete_state
from .server_side_apply import Change, apply
from .stack_identity import StackIdentity
from .state_folders import write_atomically

LAST_ATTEMPT_SECONDS = 30.0


@dataclass(frozen=True)
class Run:
    """One deployment of a stack, with Pulumi or with kubectl."""

    stack: StackIdentity
    state: Path
    cluster: Cluster
    engine: Engine
    settings: Mapping[str, Any]
    wanted: Sequence[Object]
    required: Sequence[RequiredSecret]
    progress: Progress

    def with_kubectl(self) -> tuple[dict[str, int], list[str]]:
        kubectl = self.cluster.kubectl
        with self.progress.step("Secrets") as step:
            made = applyset.prepare(kubectl, self.stack.key, self.wanted)
            secrets = self._make_secrets()
            step.result = f"made {len(secrets)}" if secrets else "all there"
        with self.progress.step("Deployment by server-side apply") as step:
            applied = apply(kubectl, self.stack.key, self.wanted, self.progress, made=made)
            counts = applied.counts()
            step.result = _counted(counts)
        return counts, secrets

    def with_pulumi(self) -> tuple[dict[str, int], list[str]]:
        if self.cluster.ours and not self.cluster.kubectl.objects(*self._namespaces()):
            delete_state(self.state)  # the cluster was recreated: the state is stale
        with (
            self.progress.step("Deployment by Pulumi") as step,
            self._secrets_in_background() as secrets,
        ):
            counts = self._deployment().up(self.settings, self.progress)
            step.result = _counted(counts)
        return counts, secrets

    def outputs(self, recorded: Mapping[str, Any]) -> tuple[Deployed, EntryService | None]:
        """The outputs with real addresses, and the Service through which clients connect.

        Args:
            recorded: the outputs of the recorded program. Pulumi's outputs replace them, except
                for load balancer addresses, which Pulumi does not wait for.
        """
        kubectl = self.cluster.kubectl
        known = self._deployment().outputs() if self.engine.pulumi else {}
        outputs = {**recorded, **known, **waiting_for_address(recorded)}
        authority = self._authority(outputs)
        entry = entry_service(outputs, kubectl)
        if entry and authority and entry.address not in self.cluster.balancers:
            # The certificate names localhost, but not this load balancer: forward a port.
            entry = replace(entry, address=None)
        deployed = Deployed(
            outputs=resolved(outputs, entry),
            cluster=self.cluster.kind,
            context=kubectl.context,
            forwarded_service=(entry.namespace, entry.service)
            if entry and entry.address is None
            else None,
            ca_file=authority,
        )
        return deployed, entry

    def _authority(self, outputs: Mapping[str, Any]) -> str | None:
        """Write the local CA's certificate to a file; None if there is no CA."""
        namespace = outputs.get("namespace")
        certificate = namespace and local_secrets.authority_certificate(
            self.cluster.kubectl, namespace
        )
        if not certificate:
            return None
        file = self.state / "ca.crt"
        write_atomically(file, certificate)
        return str(file)

    def _namespaces(self) -> list[str]:
        """The stack's namespaces as kubectl arguments."""
        spaces = [thing for thing in self.wanted if thing["kind"] == "Namespace"]
        return [f"namespace/{space['metadata']['name']}" for space in spaces]

    def _make_secrets(self) -> list[str]:
        return local_secrets.create(self.cluster.kubectl, self.required, self.cluster.balancers)

    @contextmanager
    def _secrets_in_background(self) -> Generator[list[str]]:
        """Create secrets in a thread as soon as Pulumi has created their namespaces."""
        made: list[str] = []
        kubectl = self.cluster.kubectl
        namespaces = {secret.namespace for secret in self.required}

        def make() -> bool:
            if len(kubectl.objects("namespace", *namespaces)) < len(namespaces):
                return False
            made.extend(self._make_secrets())
            return True

        if not self.required:
            yield made
            return
        with retry_until_done(make, "the secrets"):
            yield made

    def _deployment(self) -> Deployment:
        assert self.engine.pulumi is not None
        return Deployment(
            pulumi=self.engine.pulumi,
            root=self.stack.root,
            stack=self.stack.name,
            state=self.state,
            kubectl=self.cluster.kubectl,
        )


def _counted(counts: Mapping[str, int]) -> str:
    unchanged = Change.UNCHANGED.value
    if not set(counts) - {unchanged}:
        return "nothing changed"
    return ", ".join(f"{count} {name}" for name, count in counts.items())


@contextmanager
def retry_until_done(attempt: Callable[[], bool], what: str, every: float = 1.0) -> Generator[None]:
    """Call ``attempt`` in a thread, while the block runs, until it returns True.

    If it raises, the block is interrupted as by Ctrl-C, because the block waits for its result.

    Raises:
        ProblemReport: the last attempt did not end in time after the block.
    """
    over = threading.Event()
    guard = threading.Lock()
    failures: list[Exception] = []

    def work() -> None:
        try:
            while not (over.is_set() or attempt()):
                over.wait(every)
        except Exception as failure:
            failures.append(failure)
            with guard:
                if not over.is_set():
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    worker = threading.Thread(target=work, daemon=True)
    try:
        worker.start()
        try:
            yield
        finally:
            with guard:
                over.set()
            worker.join(LAST_ATTEMPT_SECONDS)
    except (KeyboardInterrupt, ProblemReport):
        if not failures:
            raise
    if failures:
        raise failures[0]
    if worker.is_alive():
        raise ProblemReport(
            [
                Problem(
                    what,
                    f"they were not created within {LAST_ATTEMPT_SECONDS:g} s",
                    "pods that read them do not start",
                    "check that the cluster answers, then run this again",
                )
            ]
        )
