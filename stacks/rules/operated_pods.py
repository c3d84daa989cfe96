"""What pods ask for that an operator makes: they are in no manifest of the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from components.base.kubernetes_object import Manifest

OPERATED: Final = frozenset({"Cluster", "Pooler"})
"""Kinds for which an operator makes pods."""


class Operated(NamedTuple):
    """The pods of one object, and what else the operator makes for it.

    Attributes:
        name: of the object.
        pods: at its largest: one more while a server is added, or an update is rolled out.
        containers: the resources of each container of a pod.
        counts: objects that a quota counts.
    """

    name: str
    pods: int
    containers: tuple[Mapping[str, Mapping[str, str]], ...]
    counts: Mapping[str, int]


def operated(objects: Sequence[Manifest]) -> Iterator[Operated]:
    """The pods of each database cluster and each PgBouncer."""
    sidecars = tuple(
        made.fields["spec"]["instanceSidecarConfiguration"]["resources"]
        for made in objects
        if made.kind == "ObjectStore"
    )
    for made in objects:
        spec: Mapping[str, Any] = made.fields.get("spec", {})
        name = str(made.metadata["name"])
        if made.kind == "Cluster":
            # Certificates of its own CA, and the default queries of its metrics.
            counted = {"services": 3, "persistentvolumeclaims": spec["instances"], "secrets": 3}
            containers = (spec["resources"], *sidecars)
            yield Operated(name, spec["instances"] + 1, containers, {**counted, "configmaps": 1})
        elif made.kind == "Pooler":
            (container,) = spec["template"]["spec"]["containers"]
            counted = {"services": 1, "secrets": 1}
            yield Operated(name, spec["instances"] + 1, (container["resources"],), counted)
