"""A CustomResourceDefinition, as a program of a user brings one for its own objects."""

from __future__ import annotations

from typing import Any


def definition(version: str, *, served: bool = True) -> dict[str, Any]:
    """That of the kind Widget in the group example.com."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": version, "served": served, "storage": True, "schema": schema}],
        },
    }
