"""The labels of a workload's objects, and the selector of its pods."""

from __future__ import annotations

PART_OF = "qudag-mcp"


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
