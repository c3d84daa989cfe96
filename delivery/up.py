"""Brings a stack up: engine, cluster, images, secrets, deployment, and a call to prove it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.problems import Problem, ProblemReport

from . import applyset, local_secrets, rollout
from . import engine as engines
from .apply import Change, apply
from .cluster import Cluster, reach
from .engine import Engine
from .graph import ResourceGraph
from .identity import StackIdentity
from .images import Images, provide
from .kubectl import Object
from .local_secrets import RequiredSecret
from .manifests import manifests
from .outputs import Begun, Deployed, Door, door, resolved
from .places import alone, keep
from .programs import record_files
from .progress import Progress
from .proof import proven
from .pulumi_stack import Deployment, forget, kubeconfig
from .stack_files import read_stack_files
from .target import refuse_placeholders


@dataclass(frozen=True, kw_only=True)
class Done:
    """What an ``up`` did, for people.

    Attributes:
        changes: how many objects were created, changed, pruned or left as they were.
        calls: what the check through the gateway found.
        forwarding: the command that makes the platform reachable where it has no address.
    """

    deployed: Deployed
    engine: Engine
    cluster: Cluster
    images: Images
    workloads: tuple[Object, ...]
    changes: Mapping[str, int]
    secrets: tuple[str, ...]
    calls: str
    forwarding: str | None
    seconds: float

    @property
    def nothing_changed(self) -> bool:
        counted = {name for name, count in self.changes.items() if count}
        return not self.secrets and counted <= {Change.UNCHANGED.value}


def up(
    stack: StackIdentity,
    request: str | None,
    progress: Progress,
    *,
    create_secrets: bool = False,
) -> Done:
    """Deploys ``stack`` and returns when it answers; run again, it goes on where it was cut off.

    Args:
        request: which cluster, as ``CLUSTER`` says it.
        create_secrets: whether absent secrets may be made in a cluster that is the user's.
    """
    with alone(stack.key, "up") as state:
        with progress.step(f"Program, stack {stack.name}") as step:
            files = read_stack_files(stack.root, stack.name)
            graph = record_files(stack.root, files)
            configured = list(manifests(graph).values())
            step.result = f"{len(configured)} Kubernetes objects"
        before = Begun.find(state)
        without = before is not None and before.engine == "kubectl"
        engine = engines.choose(graph, progress, stays_without=without)
        cluster = reach(request, progress)
        if not cluster.ours:
            refuse_placeholders(stack.name, configured)
        images = provide(cluster, configured, progress)
        settings = images.settings(files)
        if settings:  # names that depend on an image are those that the engine will see
            graph = record_files(stack.root, files.over(settings))
        wanted = list(manifests(graph).values())
        required = _required(graph, wanted)
        if not (cluster.ours or create_secrets):
            local_secrets.refuse_absent(cluster.kubectl, required, cluster.name)
        run = _Run(stack, state, cluster, engine, settings, wanted, required, progress)
        begin(state, stack, engine, cluster)
        changes, secrets = run.with_pulumi() if engine.pulumi else run.with_kubectl()
        with progress.step("Workloads") as step:
            rollout.wait(cluster.kubectl, wanted, progress)
            step.result = f"{len(rollout.workloads(wanted))} ready"
        deployed, gate = run.returned(run.outputs() if engine.pulumi else graph.outputs)
        calls = proven(deployed, cluster, progress)
        deployed.write(state)
    return Done(
        deployed=deployed,
        engine=engine,
        cluster=cluster,
        images=images,
        workloads=tuple(rollout.workloads(wanted)),
        changes=changes,
        secrets=tuple(secrets),
        calls=calls,
        forwarding=(
            " ".join(gate.forwarding(cluster.kubectl)) if gate and not gate.address else None
        ),
        seconds=progress.seconds,
    )


def begin(state: Path, stack: StackIdentity, engine: Engine, cluster: Cluster) -> None:
    """Remembers where this goes; refuses an engine or a cluster other than the stack is under."""
    now = Begun("pulumi" if engine.pulumi else "kubectl", cluster.kind, cluster.kubectl.context)
    before = Begun.find(state)
    if before is not None and before != now:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    f"it was deployed by {before.engine} to {before.request}; "
                    f"this would be {now.engine} to {now.request}",
                    "two engines, or two clusters, would each know half of it",
                    f"{stack.command('down')}, then run this again",
                )
            ]
        )
    now.write(state)


def _required(graph: ResourceGraph, wanted: Sequence[Object]) -> list[RequiredSecret]:
    """The secrets that nobody in the stack itself brings."""
    brought = {
        (
            thing["metadata"].get("namespace"),
            thing["spec"].get("target", {}).get("name", thing["metadata"]["name"]),
        )
        for thing in wanted
        if thing["kind"] == "ExternalSecret"
    }
    stated: list[Mapping[str, Any]] = graph.outputs.get("required_secrets") or []
    required = [RequiredSecret.from_output(one) for one in stated]
    return [one for one in required if (one.namespace, one.name) not in brought]


@dataclass(frozen=True)
class _Run:
    """One deployment, by whichever engine."""

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
            forget(self.state)  # the cluster that our state speaks of is gone
        with self.progress.step("Deployment by Pulumi") as step, self._secrets_beside() as secrets:
            counts = self._deployment().up(self.settings, self.progress)
            step.result = _counted(counts)
        return counts, secrets

    def outputs(self) -> dict[str, Any]:
        """What the stack exports under Pulumi."""
        return self._deployment().outputs()

    def returned(self, outputs: Mapping[str, Any]) -> tuple[Deployed, Door | None]:
        """The outputs with real addresses, and where to get the platform's authority."""
        kubectl = self.cluster.kubectl
        authority = self._authority(outputs)
        gate = door(outputs, kubectl)
        if gate and authority and gate.address not in self.cluster.balancers:
            # Our certificates name localhost, but no address that they could not foresee.
            gate = replace(gate, address=None)
        deployed = Deployed(
            outputs=resolved(outputs, gate),
            cluster=self.cluster.kind,
            context=kubectl.context,
            door=(gate.namespace, gate.service) if gate and gate.address is None else None,
            ca_file=authority,
        )
        return deployed, gate

    def _authority(self, outputs: Mapping[str, Any]) -> str | None:
        """The local authority's public certificate as a file, where one signed."""
        namespace = outputs.get("namespace")
        certificate = namespace and local_secrets.authority_certificate(
            self.cluster.kubectl, namespace
        )
        if not certificate:
            return None
        file = self.state / "ca.crt"
        keep(file, certificate)
        return str(file)

    def _namespaces(self) -> list[str]:
        """The stack's namespaces, as arguments of kubectl."""
        spaces = [thing for thing in self.wanted if thing["kind"] == "Namespace"]
        return [f"namespace/{space['metadata']['name']}" for space in spaces]

    def _make_secrets(self) -> list[str]:
        return local_secrets.create(self.cluster.kubectl, self.required, self.cluster.balancers)

    @contextmanager
    def _secrets_beside(self) -> Generator[list[str]]:
        """Makes secrets as soon as Pulumi has made their namespaces: it makes nothing twice."""
        made: list[str] = []
        over = threading.Event()
        kubectl = self.cluster.kubectl
        namespaces = {secret.namespace for secret in self.required}

        def make() -> None:
            while not over.is_set():
                if len(kubectl.objects("namespace", *namespaces)) == len(namespaces):
                    made.extend(self._make_secrets())
                    return
                over.wait(1.0)

        maker = threading.Thread(target=make, daemon=True)
        if self.required:
            maker.start()
        try:
            yield made
        finally:
            over.set()
            if self.required:
                maker.join(timeout=30)

    def _deployment(self) -> Deployment:
        assert self.engine.pulumi is not None
        kubectl = self.cluster.kubectl
        return Deployment(
            pulumi=self.engine.pulumi,
            root=self.stack.root,
            stack=self.stack.name,
            state=self.state,
            kubeconfig=kubeconfig(kubectl, self.state),
        )


def _counted(counts: Mapping[str, int]) -> str:
    unchanged = Change.UNCHANGED.value
    if not set(counts) - {unchanged}:
        return "nothing changed"
    return ", ".join(f"{count} {name}" for name, count in counts.items())
