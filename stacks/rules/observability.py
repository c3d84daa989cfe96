"""What must hold between `observability.kind` and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS
from components.kubernetes.labels import OWN_LABELS, OWN_PREFIXES

from ..config.stack import StackConfig
from ..observability import has_cloudnative_pg
from ..services import topology
from .rule import Rule, at


def the_kind_has_its_fields(config: StackConfig) -> Iterator[Problem]:
    """Fields of a kind are set with that kind only."""
    section = config.observability
    if section.operator is not None and section.kind != "operator":
        yield at(
            "observability.operator",
            f"is set, and observability.kind is {section.kind}",
            "it would have no effect",
            "set observability.kind to operator, or remove it",
        )
    if section.dashboards is not None and section.kind == "none":
        yield at(
            "observability.dashboards",
            "is set, and observability.kind is none",
            "their queries need the labels job and exporter, which only another kind sets",
            "set observability.kind, or remove it",
        )
    if section.scrape_seconds is not None and section.kind == "none":
        yield at(
            "observability.scrapeSeconds",
            "is set, and observability.kind is none",
            "it would have no effect: your own Prometheus has its own interval",
            "set observability.kind, or remove it",
        )


def standalone_prometheus_has_its_fields(config: StackConfig) -> Iterator[Problem]:
    """The kind standalone has what Prometheus needs, and is the only one that reads metrics."""
    section, standalone = config.observability, config.observability.kind == "standalone"
    stated = {
        "observability.standalone": section.standalone,
        "images.prometheus": config.images.prometheus,
    }
    for field, value in stated.items():
        if value is not None and not standalone:
            yield at(
                field,
                f"is set, and observability.kind is {section.kind}",
                "it would have no effect",
                "set observability.kind to standalone, or remove it",
            )
    if not standalone:
        return
    if config.network.prometheus is not None:
        yield at(
            "network.prometheus",
            "is set, and observability.kind is standalone",
            "the platform's own Prometheus reads the metrics: yours could not connect",
            "remove it, or set observability.kind to none or operator",
        )
    if not config.kubernetes.api_server:
        yield at(
            "kubernetes.apiServer",
            "is missing, and observability.kind is standalone",
            "Prometheus asks the API server for the pods: no policy would let it connect",
            "list its networks (kubectl get service,endpointslices -n default)",
        )
    if config.environment != "dev" and config.images.prometheus is None:
        yield at(
            "images.prometheus",
            "is missing, and observability.kind is standalone",
            "a tag can be moved: an image that was never tested could run",
            f"name it with its digest: {VERSIONS['images']['prometheus']}@sha256:…",
        )


def labels_do_not_replace_those_of_components(config: StackConfig) -> Iterator[Problem]:
    """Labels of the operator's objects and of dashboards are not those that components set."""
    section = config.observability
    named = {"operator": section.operator, "dashboards": section.dashboards}
    for field, key in (
        (field, key) for field, one in named.items() if one is not None for key in one.labels
    ):
        if key in OWN_LABELS or key.startswith(OWN_PREFIXES):
            yield at(
                f"observability.{field}.labels.{key}",
                "is set by the component",
                "one of the two values would be lost",
                "leave it out, or use a name of your own",
            )


def prometheus_may_connect(config: StackConfig) -> Iterator[Problem]:
    """With the kind operator it is known which pods may read the metrics."""
    if config.observability.kind == "operator" and config.network.prometheus is None:
        yield at(
            "network.prometheus",
            "is missing, and observability.kind is operator",
            "network policies would refuse the connections of its Prometheus",
            "set the namespace and the labels of the pods of its Prometheus",
        )


def no_pod_monitor_is_duplicated(config: StackConfig) -> Iterator[Problem]:
    """CloudNativePG's servers have one PodMonitor."""
    database = config.data.cloudnative_pg
    if (
        config.observability.kind == "operator"
        and database is not None
        and database.pod_monitor
        and has_cloudnative_pg(config, topology(config))
    ):
        yield at(
            "data.cloudnativePg.podMonitor",
            "is true, and observability.kind is operator",
            "two PodMonitors of the same name would be created for the same pods",
            "remove it: observability.kind creates one",
        )


OBSERVABILITY_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability",), the_kind_has_its_fields),
    (("observability.operator",), labels_do_not_replace_those_of_components),
    (
        ("observability", "images", "network.prometheus", "kubernetes", "environment"),
        standalone_prometheus_has_its_fields,
    ),
    (("observability.kind", "network.prometheus"), prometheus_may_connect),
    (("observability.kind", "data", "topology", "servers"), no_pod_monitor_is_duplicated),
]
"""Each rule with what it reads."""
