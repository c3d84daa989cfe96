"""Finds changes that Kubernetes or a provider makes by replacing the object.

For a Kubernetes object it is what the Pulumi Kubernetes provider replaces, as
``components/kubernetes/resource_types.py`` lists it, so that the offline answer is the engine's
answer. For a cloud's resource it is the name and what ``RESOURCE_TYPES`` of that cloud's
``facts.py`` lists.
"""

from __future__ import annotations

from collections.abc import Sequence

from components.clouds import name_rule, resource_type
from components.kubernetes.resource_types import IDENTITY, kubernetes_type
from graph.resource_graph import Resource

from .properties import Difference, PropertyChange, path_pattern

PROVIDER = "options.provider"
URN = "options.urn"  # a new one without an alias: the engine deletes the old and makes a new one

KUBERNETES_PROVIDER = "pulumi:providers:kubernetes"
IDENTIFIER = "clusterIdentifier"
CLUSTER_KEYS = ("kubeconfig", "context", "cluster")

# Kinds whose content the provider updates in place only when it is told to, and what stays fixed.
_MUTABLE_BY_PROVIDER = {
    "core/v1:ConfigMap": ("enableConfigMapMutable", ()),
    "core/v1:Secret": ("enableSecretMutable", ("type",)),
}


def replacing(
    before: Resource, provider: Resource | None, changes: Sequence[PropertyChange]
) -> tuple[str, ...]:
    """Paths of the changes that replace ``before`` rather than update it."""
    kubernetes = before.type == KUBERNETES_PROVIDER
    own = _provider_paths(before, changes) if kubernetes else _paths(before, provider)
    return tuple(
        change.path
        for change in changes
        if any(_within(change.path, path) for path in (PROVIDER, URN, *own))
    )


def _provider_paths(before: Resource, changes: Sequence[PropertyChange]) -> tuple[str, ...]:
    """What replaces a Kubernetes provider, as ``DiffConfig`` of pulumi-kubernetes decides it.

    While ``clusterIdentifier`` stays, nothing does; when it changes, the provider is another one.
    Without it the cluster that a kubeconfig names decides, which is not read here: any change of
    what selects it counts.
    """
    identifier = [change for change in changes if change.path == IDENTIFIER]
    if not identifier and before.inputs.get(IDENTIFIER):
        return ()
    if identifier and identifier[0].difference is Difference.CHANGED:
        return (IDENTIFIER,)
    return (*CLUSTER_KEYS, "renderYamlToDirectory")


def _paths(before: Resource, provider: Resource | None) -> tuple[str, ...]:
    if not before.is_kubernetes_object:
        rule, known = name_rule(before.type), resource_type(before.type)
        return (*([rule.key] if rule else []), *(known.replacing if known else ()))
    if before.type.endswith("Patch"):
        return IDENTITY
    known = kubernetes_type(before.type)
    option, fixed = _MUTABLE_BY_PROVIDER.get(before.type.removeprefix("kubernetes:"), ("", ()))
    mutable = option and provider and provider.inputs.get(option) in (True, "true")
    if mutable and not before.inputs.get("immutable"):
        return IDENTITY + fixed
    return IDENTITY + (known.replacing if known else ())


def _within(path: str, ancestor: str) -> bool:
    return ancestor == "" or path_pattern(ancestor).match(path) is not None
