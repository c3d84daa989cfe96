"""Deletes a deployed stack, its local records, and the kind cluster or local node of ``up``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import which

from components.base.problems import Problem, ProblemReport
from graph.programs import record_stack
from graph.resource_graph import ResourceGraph

from . import applyset, local_node, local_openbao, local_secrets, process
from . import cluster as clusters
from .cluster import KIND_CLUSTER, Cluster
from .kubectl import Kubectl
from .outputs import FILE, RECORD_FILE, DeploymentRecord
from .progress import Progress
from .pulumi_stack import DEV, Deployment, delete_state
from .stack_identity import StackIdentity
from .state_folders import known_stacks, locked_stack, state_folder, tools_cache


def down(
    stack: StackIdentity, request: str | None, progress: Progress, *, keep_cluster: bool = False
) -> str:
    """Delete the stack; returns a sentence for the user.

    The local node and the kind cluster are deleted as a whole, unless ``keep_cluster`` is set or
    another stack is deployed in them; pods are killed there. In a cluster of the user only the
    stack's objects are deleted, and its pods finish their calls.
    """
    with locked_stack(stack.key, "down", progress.note) as state:
        record = DeploymentRecord.find(state)
        request = request or (record.request if record else None)
        kind = clusters.parse_request(request)[0] if request else "node"
        remembered = record is None or request == record.request
        by_pulumi = remembered and record is not None and record.engine == "pulumi"
        removal = _Removal(stack, state, progress, remembered=remembered, by_pulumi=by_pulumi)
        if kind == "context" or keep_cluster or _shared(stack.key, kind):
            return removal.delete(request or kind)
        return removal.delete_cluster(kind)


def _shared(key: str, kind: str) -> bool:
    """Whether another stack is deployed in the kind cluster or local node."""
    found = {name: DeploymentRecord.find(state_folder(name)) for name in known_stacks()}
    recorded = {
        name: record
        for name, record in found.items()
        if name != key and record is not None and record.cluster == kind
    }
    if not recorded:
        return False
    cluster = clusters.running(kind)
    if cluster is None:
        return kind == "kind"  # a stopped one keeps its data, and the local node does not
    return any(is_deployed(name, record, cluster.kubectl) for name, record in recorded.items())


def is_deployed(stack: str, record: DeploymentRecord, kubectl: Kubectl) -> bool:
    """Whether a stack that was once deployed in a cluster still is; unknown counts as deployed.

    A cluster that was deleted and made anew has none of the stacks of the former one.
    """
    return record.engine == "pulumi" or bool(applyset.namespaces(kubectl, stack))


@dataclass(frozen=True)
class _Removal:
    """Deletes one stack.

    Attributes:
        remembered: whether the local records are about this cluster.
        by_pulumi: whether Pulumi deployed the stack.
    """

    stack: StackIdentity
    state: Path
    progress: Progress
    remembered: bool
    by_pulumi: bool

    def delete_cluster(self, kind: str) -> str:
        """Delete the kind cluster or the local node as a whole."""
        if self.by_pulumi and self.stack.name != DEV and (running := clusters.running(kind)):
            self._destroy(running)  # its Pulumi state is in the user's backend
        if kind == "kind":
            gone = clusters.running(kind) is None
            said = f"the kind cluster {KIND_CLUSTER} is deleted"
            end = _delete_kind
        else:
            gone = not local_node.has_leftovers()
            said = "the local node is stopped; its caches are kept"
            end = local_node.down
        if not gone:
            end(self.progress)
        self._delete_records()
        return "nothing is up" if gone else said

    def delete(self, request: str) -> str:
        """Delete the stack and keep the cluster."""
        cluster = clusters.running(request)
        if cluster is None:
            self._delete_records()
            return "nothing is up"
        if self.by_pulumi:
            self._destroy(cluster)
            self._delete_unused(cluster)
            self._delete_records()
            return f"the stack that Pulumi deployed in {cluster.name} is destroyed"
        if not cluster.ours:
            refuse_protected(record_stack(self.stack.root, self.stack.name))
        with self.progress.step(f"Deleting stack {self.stack.name} from {cluster.name}"):
            spaces = applyset.namespaces(cluster.kubectl, self.stack.key)
            secrets = local_secrets.delete(cluster.kubectl, spaces)
            count = applyset.delete(
                cluster.kubectl, self.stack.key, self.progress, at_once=cluster.ours
            )
        self._delete_unused(cluster)
        self._delete_records()
        if not count and not secrets:
            return f"nothing is up in {cluster.name}"
        return f"{count} objects and {secrets} local secrets are deleted in {cluster.name}"

    def _delete_unused(self, cluster: Cluster) -> None:
        """Delete the OpenBao of the local node after the last stack that reads it."""
        if cluster.kind == "node":
            local_openbao.remove_unused(cluster.kubectl, self.progress)

    def _destroy(self, cluster: Cluster) -> None:
        pulumi = _pulumi()
        if pulumi is None:
            raise ProblemReport(
                [
                    Problem(
                        f"stack {self.stack.name}",
                        "it was deployed by Pulumi, which is no longer on this machine",
                        "only Pulumi's state lists all of its resources",
                        "put pulumi back on PATH (https://www.pulumi.com/docs/install/), "
                        "then run this again",
                    )
                ]
            )
        with self.progress.step(f"Destroying stack {self.stack.name} in {cluster.name}"):
            deployment = Deployment(
                pulumi, self.stack.root, self.stack.name, self.state, cluster.kubectl
            )
            deployment.destroy(self.progress)

    def _delete_records(self) -> None:
        """Delete the local records of the deployment, and the Pulumi state of dev."""
        if not self.remembered:
            return
        for name in (FILE, RECORD_FILE, "ca.crt"):
            (self.state / name).unlink(missing_ok=True)
        delete_state(self.state)


def refuse_protected(graph: ResourceGraph) -> None:
    """Refuse, as Pulumi does, to delete objects with the option ``protect``."""
    protected = [one for one in graph.resources if one.protect and one.is_kubernetes_object]
    if protected:
        names = ", ".join(f"{one.inputs['kind']} {one.name}" for one in protected[:4])
        raise ProblemReport(
            [
                Problem(
                    f"stack {graph.stack}",
                    f"{len(protected)} of its objects are protected: {names}",
                    "their data would be lost",
                    "set qudag-mcp:data.protect to false, run up, then run this again",
                )
            ]
        )


def _pulumi() -> Path | None:
    if found := which("pulumi"):
        return Path(found)
    fetched = sorted(tools_cache().glob("pulumi-*/pulumi"))
    return fetched[-1] if fetched else None


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
                        "it continues to run",
                        f"kind delete cluster --name {KIND_CLUSTER}",
                    )
                ]
            )
