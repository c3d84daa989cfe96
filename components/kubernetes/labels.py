"""The labels that everything of a workload carries, and the one by which it is selected."""

from __future__ import annotations

PART_OF = "qudag-mcp"


def selector(workload: str) -> dict[str, str]:
    """What selects a workload's pods: its name and nothing that a new version would change."""
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
