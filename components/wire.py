"""Where the Kubernetes SDK's types end: specs are written as Kubernetes itself spells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


def wire(spec: Mapping[str, Any]) -> Any:
    """``spec`` in camelCase, as the API server reads it.

    The SDK types only its own snake_case spelling, and hands camelCase on untouched. In wire form a
    spec is the same in a pure function, in its test and in the rendered manifest; the API server's
    strict field validation checks it.
    """
    return dict(spec)


def metadata(
    name: pulumi.Input[str],
    *,
    namespace: pulumi.Input[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """An object's metadata with its fixed physical name."""
    made: dict[str, Any] = {"name": name}
    if namespace is not None:
        made["namespace"] = namespace
    if labels:
        made["labels"] = dict(labels)
    return made
