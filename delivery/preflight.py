"""What is asked before a deployment: which cluster, which images, and kinds that it has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from components.base.image_reference import placeholder_problems
from components.base.problems import Problem, ProblemReport
from graph.resource_graph import ResourceGraph
from graph.stack_files import read_stack_files

from .kubectl import Kubectl, Object, explain

KUBERNETES: Final = frozenset(
    {
        *("apps", "autoscaling", "batch", "policy"),
        *("apiextensions.k8s.io", "networking.k8s.io", "rbac.authorization.k8s.io"),
    }
)
"""Groups that every API server of Kubernetes has, of those that stacks use."""

PROGRAMS: Final = {
    "autoscaling.k8s.io": ("the VerticalPodAutoscaler", "leave vertical out"),
    "barmancloud.cnpg.io": ("Barman's plugin for CloudNativePG", "leave backup out"),
    "cilium.io": ("Cilium", "set network.hostEgress to proxy"),
    "external-secrets.io": ("External Secrets", "set secrets.store to none"),
    "generators.external-secrets.io": ("External Secrets", "set secrets.store to none"),
    "keda.sh": ("KEDA", "leave metrics out in scaling"),
    "monitoring.coreos.com": (
        "the Prometheus Operator",
        "set observability.kind to standalone or none",
    ),
    "postgresql.cnpg.io": ("CloudNativePG", "set data.kind to embedded"),
}
"""By group, the program that brings its definitions, and how a stack does without it."""


def request(root: Path, stack: str, asked: str | None) -> str | None:
    """The value of ``CLUSTER``, else the ``kubernetes.context`` of the stack's configuration.

    None, as in dev, selects kind or the local node.
    """
    if asked:
        return asked
    config = read_stack_files(root, stack).config.get("qudag-mcp:kubernetes", "{}")
    try:
        context = json.loads(config).get("context")
    except (ValueError, AttributeError):
        return None  # reported when the configuration is validated
    return f"context:{context}" if context else None


def refuse_placeholders(graph: ResourceGraph) -> None:
    """Refuse images whose digest is the placeholder (all zeros) of the committed stack file."""
    problems: dict[str, Problem] = {}
    for resource in graph.resources:
        if resource.custom:
            for problem in placeholder_problems(resource.inputs, resource.name):
                problems.setdefault(problem.what, problem)
    if problems:
        raise ProblemReport(problems.values())


def refuse_absent_kinds(kubectl: Kubectl, wanted: Sequence[Object]) -> None:
    """Refuse objects of kinds that the cluster does not have, before it is changed.

    Kinds that a CustomResourceDefinition in ``wanted`` defines are applied after it.

    Raises:
        ProblemReport: a problem for each of these kinds, or why the cluster does not answer.
    """
    brought = _brought(wanted)
    asked = Counter(
        (thing["apiVersion"], thing["kind"])
        for thing in wanted
        if "/" in thing["apiVersion"]
        and thing["apiVersion"].split("/")[0] not in KUBERNETES
        and (thing["apiVersion"], thing["kind"]) not in brought
    )
    served = {version: _served(kubectl, version) for version, _ in asked}
    problems = [
        _absent(kubectl.context, version, kind, number)
        for (version, kind), number in sorted(asked.items())
        if kind not in served[version]
    ]
    if problems:
        raise ProblemReport(problems)


def _brought(wanted: Sequence[Object]) -> set[tuple[str, str]]:
    """API version and kind of what the CustomResourceDefinitions among objects define."""
    specs = [thing["spec"] for thing in wanted if thing["kind"] == "CustomResourceDefinition"]
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
        for spec in specs
        for version in spec.get("versions", ())
        if version.get("served")
    }


def _served(kubectl: Kubectl, version: str) -> set[str]:
    """The kinds of an API version that the cluster has."""
    answer = kubectl.run("get", "--raw", f"/apis/{version}")
    if answer.ok:
        return {resource["kind"] for resource in json.loads(answer.out)["resources"]}
    if "(NotFound)" in answer.err:
        return set()
    raise ProblemReport(explain(answer.err, kubectl.context))


def _absent(context: str, version: str, kind: str, number: int) -> Problem:
    program, otherwise = PROGRAMS.get(version.partition("/")[0], (f"what defines {kind}", ""))
    return Problem(
        f"cluster {context}",
        f"has no {kind} of {version}, and the stack has {number}",
        "the API server would refuse them: a partial deployment",
        f"install {program} in the cluster" + (f", or {otherwise}" if otherwise else ""),
    )
