"""The labels of a workload's objects, and the selector of its pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..base.problems import Problem

PART_OF = "qudag-mcp"
CHECKSUM: Final = "qudag-mcp/files-checksum"

IDENTITY: Final = "qudag-mcp/identity"
"""The pods' identity of a cloud, so that another one replaces the pods."""

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
"""Which container kubectl logs and exec mean, in pods with a sidecar."""

OWN_LABELS: Final = (
    *("app", "component", "app.kubernetes.io/name", "app.kubernetes.io/component"),
    *("app.kubernetes.io/part-of", "pod-template-hash", "controller-revision-hash"),
    *("job-name", "controller-uid", "azure.workload.identity/use"),
)
"""Labels of pods that components or Kubernetes set."""

OWN_ANNOTATIONS: Final = (CHECKSUM, DEFAULT_CONTAINER)
"""Annotations of pods that components set."""

OWN_PREFIXES: Final = (
    *("prometheus.io/", "qudag-mcp/", "pulumi.com/", "statefulset.kubernetes.io/"),
    *("batch.kubernetes.io/", "apps.kubernetes.io/", "container.apparmor.security."),
    *("seccomp.security.", "kubernetes.io/config."),
)
"""Prefixes of labels and annotations that are reserved for components and Kubernetes."""


def selector(workload: str) -> dict[str, str]:
    """The selector of a workload's pods: its name only, so that versions share it."""
    return {"app": workload}


def labels(workload: str, component: str) -> dict[str, str]:
    """Labels of a workload's objects: the source documents' two, and Kubernetes' recommended."""
    return {
        **selector(workload),
        "component": component,
        "app.kubernetes.io/name": workload,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PART_OF,
    }


def label_problems(given: Iterable[str]) -> Iterator[Problem]:
    """Labels of the arg ``labels`` that the component sets itself."""
    for key in given:
        if key in OWN_LABELS or key.startswith(OWN_PREFIXES):
            yield Problem(
                f"labels.{key}",
                "is set by the component",
                "one of the two values would be lost",
                "leave it out, or use a name of your own",
            )
