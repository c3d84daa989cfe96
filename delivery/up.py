"""Deploys a stack: chooses engine and cluster, provides images and secrets, deploys, checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.base.problems import Problem, ProblemReport
from graph.manifests import manifests
from graph.programs import record_files
from graph.resource_graph import ResourceGraph
from graph.stack_files import read_stack_files
from policies.checked_program import refuse_broken

from . import engine as engines
from . import local_openbao, local_secrets, rollout
from .cluster import Cluster, connect, parse_request
from .credentials import refuse_without_credentials
from .deploy import Run
from .engine import Engine
from .images import Images, build_programs, provide, started_early
from .kubectl import Object
from .local_secrets import RequiredSecret
from .outputs import Deployed, DeploymentRecord
from .preflight import refuse_absent_kinds, refuse_placeholders
from .progress import Progress
from .server_side_apply import Change
from .stack_identity import StackIdentity
from .state_folders import locked_stack
from .verify import verify_after_up


@dataclass(frozen=True, kw_only=True)
class UpResult:
    """The result of ``up``, for its summary.

    Attributes:
        changes: the number of objects per kind of change.
        checks: a summary of the checks.
        forwarding: the command that forwards a port to the platform; None if it has an address.
    """

    deployed: Deployed
    engine: Engine
    cluster: Cluster
    images: Images
    workloads: tuple[Object, ...]
    changes: Mapping[str, int]
    secrets: tuple[str, ...]
    checks: str
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
) -> UpResult:
    """Deploy ``stack`` and return when its checks pass; continues an interrupted deployment.

    Args:
        request: the cluster, in the form of ``CLUSTER``.
        create_secrets: whether absent Secrets may be created in a cluster of the user.
    """
    with locked_stack(stack.key, "up", progress.note) as state:
        with progress.step(f"Program, stack {stack.name}") as step:
            files = read_stack_files(stack.root, stack.name)
            graph = record_files(stack.root, files)
            broken = refuse_broken(graph, stack.root)
            refuse_without_credentials(graph)
            configured = list(manifests(graph).values())
            _refuse_without_objects(stack, configured)
            step.result = f"{len(configured)} Kubernetes objects"
        for finding in broken:
            progress.note(f"{finding.urn}: {finding.problem.what} [{finding.label}]")
        before = DeploymentRecord.find(state)
        without = before is not None and before.engine == "kubectl"
        engine = engines.choose(graph, progress, without_pulumi=without)
        kind = parse_request(request)[0]
        openbao = local_openbao.wanted(kind, files, configured)
        running = [*configured, *(openbao.pods if openbao else ())]
        build_programs(kind, running, progress)
        with started_early(kind, running):
            cluster = connect(request, progress)
            if not cluster.ours:
                refuse_placeholders(graph)
            images = provide(cluster, running, progress)
        settings = images.settings(files)
        if openbao:
            settings |= openbao.start(cluster.kubectl, images.references, files, progress)
        if settings:  # names that depend on an image are those that the engine will see
            graph = record_files(stack.root, files.over(settings))
        wanted = list(manifests(graph).values())
        required = _required(graph, wanted)
        refuse_absent_kinds(cluster.kubectl, wanted)
        if not (cluster.ours or create_secrets):
            local_secrets.refuse_absent(cluster.kubectl, required, cluster.name)
        run = Run(stack, state, cluster, engine, settings, wanted, required, progress)
        record_deployment(state, stack, engine, cluster)
        changes, secrets = run.with_pulumi() if engine.pulumi else run.with_kubectl()
        with progress.step("Workloads") as step:
            rollout.wait(cluster.kubectl, wanted, progress)
            step.result = f"{len(rollout.workloads(wanted))} ready"
        deployed, gate = run.outputs(graph.outputs)
        checks = verify_after_up(deployed, cluster, progress)
        deployed.write(state)
    return UpResult(
        deployed=deployed,
        engine=engine,
        cluster=cluster,
        images=images,
        workloads=tuple(rollout.workloads(wanted)),
        changes=changes,
        secrets=tuple(secrets),
        checks=checks,
        forwarding=(
            " ".join(gate.forwarding(cluster.kubectl)) if gate and not gate.address else None
        ),
        seconds=progress.seconds,
    )


def _refuse_without_objects(stack: StackIdentity, configured: Sequence[Object]) -> None:
    if not configured:
        raise ProblemReport(
            [
                Problem(
                    "qudag-mcp:kubernetes.enabled",
                    "is false, and this command only deploys stacks with Kubernetes objects",
                    "there is nothing to deploy to a cluster",
                    f"pulumi up -s {stack.name}",
                )
            ]
        )


def record_deployment(state: Path, stack: StackIdentity, engine: Engine, cluster: Cluster) -> None:
    """Record engine and cluster; refuse to change those of a deployed stack."""
    now = DeploymentRecord(
        "pulumi" if engine.pulumi else "kubectl", cluster.kind, cluster.kubectl.context
    )
    before = DeploymentRecord.find(state)
    if before is not None and before != now:
        raise ProblemReport(
            [
                Problem(
                    f"stack {stack.name}",
                    f"it was deployed by {before.engine} to {before.request}; "
                    f"this would be {now.engine} to {now.request}",
                    "each engine or cluster would have only a part of the stack",
                    f"{stack.command('down')}, then run this again",
                )
            ]
        )
    now.write(state)


def _required(graph: ResourceGraph, wanted: Sequence[Object]) -> list[RequiredSecret]:
    """The Secrets that the stack needs and does not create itself."""
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
