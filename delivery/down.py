"""Undoes an ``up``: what it deployed, the cluster where it is ours, and what we remembered."""

from __future__ import annotations

from pathlib import Path
from shutil import which

from stacks.problems import Problem, ProblemReport

from . import applyset, local_node, local_secrets, process
from . import cluster as clusters
from .cluster import KIND_CLUSTER, Cluster
from .graph import ResourceGraph
from .outputs import FILE, Deployed
from .places import alone, known_stacks, state_folder, tools_cache
from .programs import record_stack
from .progress import Progress
from .pulumi_stack import Deployment, kubeconfig


def down(
    root: Path, stack: str, request: str | None, progress: Progress, *, keep_cluster: bool = False
) -> str:
    """Removes the stack; what it did, in a sentence.

    The local node and our kind cluster go as a whole, so nothing in them is deleted one by one,
    unless ``keep_cluster`` says so or another stack is up in it. In a cluster of the user's only
    what was applied goes.
    """
    with alone(stack, "down") as state:
        before = Deployed.find(state)
        request = request or (before.request if before else None)
        kind = clusters.asked(request)[0] if request or before else "node"
        by_pulumi = before is not None and before.engine == "pulumi"
        keep_cluster = keep_cluster or _shared(stack, kind)
        if kind == "node" and not keep_cluster:
            if not local_node.left_something():
                _forget(root, stack, state, by_pulumi=by_pulumi, gone=True)
                return "nothing is up"
            local_node.down(progress)
            _forget(root, stack, state, by_pulumi=by_pulumi, gone=True)
            return "the local node is down; its caches stay"
        cluster = clusters.running(request)
        if cluster is None:
            _forget(root, stack, state, by_pulumi=by_pulumi, gone=True)
            return "nothing is up"
        if kind == "kind" and not keep_cluster:
            _delete_kind(progress)
            _forget(root, stack, state, by_pulumi=by_pulumi, gone=True)
            return f"the kind cluster {KIND_CLUSTER} is deleted"
        removed = _remove(root, stack, state, cluster, progress, by_pulumi=by_pulumi)
        (state / FILE).unlink(missing_ok=True)
        return f"{removed} in {cluster.name}" if removed else f"nothing is up in {cluster.name}"


def _shared(stack: str, kind: str) -> bool:
    """Whether another stack is up in our own cluster of this kind."""
    others = (Deployed.find(state_folder(name)) for name in known_stacks() if name != stack)
    return any(other is not None and other.cluster == kind for other in others)


def _remove(
    root: Path, stack: str, state: Path, cluster: Cluster, progress: Progress, *, by_pulumi: bool
) -> str:
    """Deletes what the stack has in a cluster that stays."""
    if not cluster.ours and not by_pulumi:
        refuse_protected(record_stack(root, stack))
    with progress.step(f"Deleting stack {stack} from {cluster.name}"):
        secrets = local_secrets.delete(cluster.kubectl, applyset.namespaces(cluster.kubectl, stack))
        if by_pulumi and (pulumi := _pulumi()) is not None:
            reached = kubeconfig(cluster.kubectl, state)
            Deployment(pulumi, root, stack, state, reached).destroy(progress)
            return "what Pulumi deployed is destroyed"
        count = applyset.delete(cluster.kubectl, stack, progress)
    if not count and not secrets:
        return ""
    return f"{count} objects and {secrets} local secrets are deleted"


def refuse_protected(graph: ResourceGraph) -> None:
    """Refuses, as Pulumi does, to delete what the program protects."""
    protected = [one for one in graph.resources if one.protect and one.is_kubernetes_object]
    if protected:
        names = ", ".join(f"{one.inputs['kind']} {one.name}" for one in protected[:4])
        raise ProblemReport(
            [
                Problem(
                    f"stack {graph.stack}",
                    f"{len(protected)} of its objects are protected: {names}",
                    "their data would be gone for good",
                    "set qudag-mcp:data.protect to false, run up, then run this again",
                )
            ]
        )


def _pulumi() -> Path | None:
    if found := which("pulumi"):
        return Path(found)
    fetched = sorted(tools_cache().glob("pulumi-*/pulumi"))
    return fetched[-1] if fetched else None


def _forget(root: Path, stack: str, state: Path, *, by_pulumi: bool, gone: bool) -> None:
    """Drops what we remember of a deployment whose cluster is gone."""
    if by_pulumi and gone and (pulumi := _pulumi()) is not None:
        Deployment(pulumi, root, stack, state, kubeconfig="").forget()
    for name in (FILE, "ca.crt"):
        (state / name).unlink(missing_ok=True)


def _delete_kind(progress: Progress) -> None:
    with progress.step(f"Deleting the kind cluster {KIND_CLUSTER}"):
        outcome = process.run(
            ["kind", "delete", "cluster", "--name", KIND_CLUSTER],
            on_line=progress.say,
            timeout=300,
        )
        if not outcome.ok:
            raise ProblemReport(
                [
                    Problem(
                        "kind",
                        f"the cluster was not deleted: {outcome.last_lines(2)}",
                        "it goes on running",
                        f"kind delete cluster --name {KIND_CLUSTER}",
                    )
                ]
            )
