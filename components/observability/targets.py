"""What Prometheus reads metrics from, and the labels that it adds to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import pulumi

from ..base.arg_types import DnsLabel, LabelKey, LabelValue, PortName, PortNumber, Text
from ..base.constraints import Range
from ..base.problems import Problem

METRICS_PATH: Final = "/metrics"
SAMPLE_LIMIT: Final = 10_000
"""Most samples of one scrape. Above it Prometheus drops the whole scrape, and the target is down.

A server exports some hundred: methods, routes, tools and statuses are the only labels that grow."""

ScrapeSeconds = Annotated[
    int,
    Range(
        least=5,
        most=60,
        consequence="a rate over two minutes, by which services are scaled, needs two scrapes",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ScrapeTarget:
    """Pods whose metrics Prometheus reads.

    Their series have the labels ``job``, ``namespace``, ``pod`` and ``exporter``, which rules read.

    Attributes:
        name: of the workload; the value of ``job``.
        namespace: of the pods.
        labels: labels that all of the pods have, and no others.
        ports: names of the containers' ports that serve /metrics, each with the program that
            answers: the value of ``exporter``.
    """

    name: DnsLabel
    namespace: pulumi.Input[DnsLabel]
    labels: Mapping[LabelKey, LabelValue]
    ports: Mapping[PortName, LabelValue]

    def refusals(self) -> list[Problem]:
        """Problems of a target without labels or ports."""
        problems: list[Problem] = []
        if not self.labels:
            problems.append(
                Problem(
                    "labels",
                    "is empty",
                    "every pod of the namespace would be selected",
                    "list labels that only these pods have",
                )
            )
        if not self.ports:
            problems.append(
                Problem(
                    "ports",
                    "is empty",
                    "nothing would be scraped",
                    "name the ports that serve /metrics",
                )
            )
        return problems


@dataclass(frozen=True, kw_only=True)
class ServiceTarget:
    """A Service in the namespace of Prometheus, which answers over TLS.

    Its certificate is for ``<name>-service.<namespace>.svc``. Its series have the labels ``job``
    and ``exporter``, both with its name, and ``namespace``.

    Attributes:
        name: of the workload behind the Service ``<name>-service``.
        port: of the Service.
    """

    name: DnsLabel
    port: PortNumber


@dataclass(frozen=True, kw_only=True)
class ProbedUrl:
    """A URL that a blackbox_exporter asks, as Prometheus tells it.

    Attributes:
        module: of the exporter's configuration; the value of the label ``probe``.
        url: that is asked.
        instance: URL that stands for it in alerts: the value of ``instance``.
        namespace: value of the label ``namespace``, which rules select.
    """

    module: DnsLabel
    url: Text
    instance: Text
    namespace: DnsLabel


def blackbox_exporter_problems(
    exporter: object | None, probed: Sequence[ProbedUrl]
) -> Iterator[Problem]:
    """URLs without what asks them, and the other way round."""
    if bool(probed) != (exporter is not None):
        yield Problem(
            "probed",
            "is set without blackbox_exporter, or blackbox_exporter without it",
            "nothing would be probed",
            "set both, or neither",
        )


def target_problems(
    targets: Sequence[ScrapeTarget], services: Sequence[ServiceTarget] = ()
) -> Iterator[Problem]:
    """No targets, and targets whose names are equal."""
    if not targets:
        yield Problem(
            "targets",
            "is empty",
            "no metric would be read",
            "list what exports metrics, or leave the component out",
        )
    for name, count in Counter(one.name for one in (*targets, *services)).items():
        if count > 1:
            yield Problem(
                "services" if name in {one.name for one in services} else "targets",
                f"{count} targets have the name {name}",
                "their series would have the same labels",
                "give each a name of its own, or list the ports in one target",
            )
