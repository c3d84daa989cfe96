"""The Kubernetes objects of the stack in a ConfigMap, from which a job backs them up."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi

from components.base.inputs import applied
from components.base.kubernetes_object import KubernetesObject, metadata
from components.base.problems import Problem, ProblemReport
from components.kubernetes.labels import labels

from .backup import MANIFESTS

FILE = "manifests.yaml.gz"
MOST_BYTES = 1024**2
"""Of the values of a ConfigMap, before base64 (``MaxSecretSize`` of Kubernetes' validation)."""


class DeclaredObjects:
    """The Kubernetes objects that components with these options register."""

    def __init__(self) -> None:
        self._found: list[Mapping[str, Any]] = []

    def note(self, made: pulumi.ResourceTransformationArgs) -> None:
        """A transformation that changes nothing."""
        if isinstance(made.resource, KubernetesObject):
            self._found.append(cast("Mapping[str, Any]", made.props))

    def store(
        self,
        namespace: pulumi.Input[str],
        secrets: Sequence[Mapping[str, Any]],
        provider: pulumi.ProviderResource,
    ) -> None:
        """Registers the ConfigMap, after everything else.

        Args:
            namespace: that of the job.
            secrets: the Secrets that must exist, with their names and keys.
            provider: of the cluster.
        """

        def content(*objects: Mapping[str, Any]) -> str:
            text = manifests_text(objects, secrets)
            return compressed(text, objects=len(objects))

        KubernetesObject(
            "ConfigMap",
            MANIFESTS,
            metadata=metadata(MANIFESTS, namespace=namespace, labels=labels(MANIFESTS, "backup")),
            opts=pulumi.ResourceOptions(provider=provider),
            binaryData={FILE: applied(content, *self._found)},
        )


def compressed(text: str, *, objects: int) -> str:
    """The text as ``binaryData`` has it.

    Raises:
        ProblemReport: it is larger than a ConfigMap may be.
    """
    file = gzip.compress(text.encode(), mtime=0)
    if len(file) > MOST_BYTES:
        raise ProblemReport(
            [
                Problem(
                    "qudag-mcp:backup",
                    f"would store {objects} Kubernetes objects, which are {len(file)} bytes of "
                    "compressed YAML",
                    f"the API server refuses a ConfigMap of more than {MOST_BYTES} bytes, so that "
                    "the deployment would fail",
                    "move servers or dashboards to a stack of their own",
                )
            ]
        )
    return base64.b64encode(file).decode()


def manifests_text(
    objects: Sequence[Mapping[str, Any]], secrets: Sequence[Mapping[str, Any]]
) -> str:
    """YAML for ``kubectl apply``, with a comment for each Secret that must exist before."""
    from graph.manifests import in_order, to_yaml

    needed = [
        f"# Secret {one['namespace']}/{one['name']}: keys {', '.join(one['keys'])}\n"
        for one in secrets
    ]
    written = in_order(_as_applied(one) for one in objects)
    return "".join([*needed, *(f"---\n{to_yaml(one)}" for one in written)])


def _as_applied(written: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only Pulumi reads."""
    found = cast("dict[str, Any]", _without_nulls(written))
    described = found["metadata"]
    annotations = {
        name: value
        for name, value in described.pop("annotations", {}).items()
        if not name.startswith("pulumi.com/")
    }
    if annotations:
        described["annotations"] = annotations
    return found


def _without_nulls(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        fields = cast("Mapping[str, Any]", tree)
        return {key: _without_nulls(value) for key, value in fields.items() if value is not None}
    if isinstance(tree, list | tuple):
        return [_without_nulls(one) for one in cast("Sequence[Any]", tree)]
    return tree
