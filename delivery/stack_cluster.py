"""The cluster in which a deployed stack runs."""

from __future__ import annotations

from components.base.problems import Problem, ProblemReport

from .cluster import running
from .kubectl import Kubectl
from .outputs import Deployed, DeploymentRecord
from .stack_identity import StackIdentity
from .state_folders import state_folder


def cluster_of(stack: StackIdentity, request: str | None, *, consequence: str) -> Kubectl:
    """The cluster of a stack, which is not started.

    Args:
        stack: that was deployed.
        request: the cluster, in the form of ``CLUSTER``; None: where the stack was deployed.
        consequence: of not finding it, for the message.

    Raises:
        ProblemReport: no cluster is known, or it does not run.
    """
    folder = state_folder(stack.key)
    before = Deployed.find(folder) or DeploymentRecord.find(folder)
    request = request or (before.request if before else None)
    if request is None:
        what = "no cluster is known in which it runs"
    elif cluster := running(request):
        return cluster.kubectl
    else:
        what = f"its cluster, {request}, does not run"
    fix = f"{stack.command('up')}, or name the cluster with --cluster"
    raise ProblemReport([Problem(f"stack {stack.name}", what, consequence, fix)])
