"""A program without components that registers the same resources as a recorded one.

It is what `make bench` measures the components against: one SDK call a resource, literals only.
"""

from __future__ import annotations

import pprint
import re
from collections.abc import Iterator

from ..graph import Resource, ResourceGraph

_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def flat_program(graph: ResourceGraph) -> str:
    """Python source: each Kubernetes resource of ``graph`` as one call with its inputs written out.

    Providers are left out, and so are components: the flat program has none.
    """
    return "\n".join(
        ["import pulumi_kubernetes as k8s", "", "def program():", *_calls(graph.resources), ""]
    )


def _calls(resources: tuple[Resource, ...]) -> Iterator[str]:
    for resource in resources:
        if resource.is_kubernetes_object:
            inputs = {
                _SNAKE.sub("_", name).lower(): value
                for name, value in resource.inputs.items()
                if name not in ("apiVersion", "kind")
            }
            literal = pprint.pformat(inputs, width=160, sort_dicts=False)
            yield f"    k8s.{_class(resource.type)}({resource.name!r}, **{literal})"


def _class(token: str) -> str:
    """``kubernetes:networking.k8s.io/v1:NetworkPolicy`` as the SDK names its class."""
    _, module, kind = token.split(":")
    group, version = module.split("/")
    return f"{group.partition('.')[0]}.{version}.{kind}"
