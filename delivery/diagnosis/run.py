"""Reads a deployed stack's cluster and judges what was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graph.manifests import manifests
from graph.programs import record_files
from graph.stack_files import read_stack_files

from ..images import used
from ..local_secrets import RequiredSecret
from ..progress import Progress
from ..stack_cluster import cluster_of
from ..stack_identity import StackIdentity
from . import causes
from .cause import Cause
from .comparison import compare
from .evidence import Evidence, collect


def diagnosed(
    stack: StackIdentity,
    request: str | None,
    progress: Progress,
    *,
    comparing: bool,
    all_logs: bool,
) -> tuple[Evidence, list[Cause]]:
    """What was read about a stack, and its causes of faults, the likeliest first.

    Args:
        request: the cluster, in the form of ``CLUSTER``; None: where the stack was deployed.
        comparing: whether its objects are compared with those of its program.
        all_logs: whether the logs of containers that are ready are read too.

    Raises:
        ProblemReport: the program fails, or the cluster does not answer.
    """
    with progress.step(f"Program, stack {stack.name}") as step:
        graph = record_files(stack.root, read_stack_files(stack.root, stack.name))
        wanted = list(manifests(graph).values())
        step.result = f"{len(wanted)} Kubernetes objects"
    kubectl = cluster_of(stack, request, consequence="there is nothing to look at")
    stated: list[dict[str, Any]] = graph.outputs.get("required_secrets") or []
    spaces = [one["metadata"]["name"] for one in wanted if one["kind"] == "Namespace"]
    with progress.step("What the cluster says") as step:
        secrets = [RequiredSecret.from_output(one) for one in stated]
        evidence = collect(kubectl, spaces, secrets, all_logs=all_logs)
        evidence.images = frozenset(image.partition("@")[0] for image in used(wanted))
        if comparing:
            compare(kubectl, wanted, evidence)
        step.result = f"{sum(map(len, evidence.objects.values()))} objects"
    return evidence, causes(evidence)


def shown(evidence: Evidence, found: Sequence[Cause]) -> Iterator[str]:
    """The diagnosis for people."""
    faults = [cause for cause in found if not cause.is_warning]
    if not faults:
        yield "Nothing wrong was found. qudag-mcp verify checks the stack as its clients use it."
    elif len(faults) == 1:
        yield "1 cause:"
    else:
        yield f"{len(faults)} causes; the first is the likeliest, and may explain the others:"
    for cause in faults:
        yield str(cause.problem)
        if cause.page:
            yield f"    see: {cause.page}"
    warnings = [cause for cause in found if cause.is_warning]
    if warnings:
        yield f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}:"
        yield from (str(cause.problem) for cause in warnings)
    for what, why in evidence.unread.items():
        yield f"not looked at: {what}: {why}"


def to_json(cause: Cause) -> dict[str, str | None]:
    """A cause for programs."""
    problem = cause.problem
    return {
        "rank": cause.rank.name.lower(),
        "path": problem.path,
        "what": problem.what,
        "consequence": problem.consequence,
        "fix": problem.fix,
        "page": cause.page,
    }
