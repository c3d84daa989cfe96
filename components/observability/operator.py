"""Objects of the Prometheus Operator, by which a Prometheus of yours reads the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import pulumi

from ..base.arg_types import DnsLabel, Document, LabelKey, LabelValue, PrometheusUrl
from ..base.component import Component
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from ..kubernetes.labels import label_problems, labels
from .rule_file import groups_of, routes_problems, rule_file_problems, spec_of
from .rules.targets import EXPORTER, JOB
from .targets import (
    METRICS_PATH,
    SAMPLE_LIMIT,
    ProbedUrl,
    ScrapeSeconds,
    ScrapeTarget,
    blackbox_exporter_problems,
    target_problems,
)

COMPONENT: Final = "monitoring"
RULES: Final = "qudag-mcp"
"""Name of the PrometheusRule, and of the AlertmanagerConfig."""
MODULES: Final = "qudag-mcp-probes"
"""Name of the ConfigMap with the configuration of the blackbox_exporter."""
BLACKBOX: Final = "blackbox-exporter"


@dataclass(frozen=True, kw_only=True)
class OperatorObservabilityArgs:
    """Args of ``OperatorObservability``.

    Attributes:
        namespace: of the rules.
        targets: what exports metrics.
        rules: recording rules and alerts: the content of a rule file of Prometheus, in YAML or
            JSON; empty: none.
        routes: who is notified of which alerts: the spec of an AlertmanagerConfig, in YAML or JSON;
            empty: nobody is notified of them by this component.
        blackbox_exporter: URL of a blackbox_exporter that probes ``probed``; plain HTTP only for a
            Service in the cluster. None: nothing is probed.
        probed: URLs with the module of each.
        modules: configuration of the blackbox_exporter, with the modules of ``probed``, for a
            ConfigMap.
        labels: labels of the objects, by which the Prometheus selects them.
        scrape_seconds: time between two reads of a target.
    """

    namespace: pulumi.Input[DnsLabel]
    targets: Sequence[ScrapeTarget]
    rules: Document = ""
    routes: Document = ""
    blackbox_exporter: PrometheusUrl | None = None
    probed: Sequence[ProbedUrl] = ()
    modules: Document = ""
    labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    scrape_seconds: ScrapeSeconds = 30

    def refusals(self) -> list[Problem]:
        """Problems of the targets and rules, and labels that the component sets itself."""
        problems = list(target_problems(self.targets))
        if self.rules:
            problems += rule_file_problems("rules", self.rules)
        if self.routes:
            problems += routes_problems("routes", self.routes)
        problems += blackbox_exporter_problems(self.blackbox_exporter, self.probed)
        if bool(self.modules) != bool(self.probed):
            problems.append(
                Problem(
                    "modules",
                    "is set without probed, or probed without it",
                    "the blackbox_exporter would have no URL to probe",
                    "set both, or neither",
                )
            )
        problems += label_problems(self.labels)
        return problems


class OperatorObservability(Component[OperatorObservabilityArgs]):
    """A PodMonitor for each target, a PrometheusRule, an AlertmanagerConfig, and Probes.

    The Prometheus Operator must run in the cluster. Its Prometheus must select these objects, and
    network policies must let it connect to the ports.
    """

    args_type = OperatorObservabilityArgs

    def build(self, args: OperatorObservabilityArgs) -> None:
        for manifest in self.manifests(self.name, args):
            register(self, manifest)

    @classmethod
    def manifests(cls, name: str, args: OperatorObservabilityArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        del name
        rules = [_rules(args)] if args.rules else []
        routes = [_routes(args)] if args.routes else []
        return (
            rules
            + routes
            + list(_probes(args))
            + [
                Manifest(
                    kind="PodMonitor",
                    role=f"{target.name}-metrics",
                    metadata=metadata(
                        target.name,
                        namespace=target.namespace,
                        labels={**labels(target.name, COMPONENT), **args.labels},
                    ),
                    fields={"spec": pod_monitor_spec(target, args.scrape_seconds)},
                )
                for target in args.targets
            ]
        )


def _rules(args: OperatorObservabilityArgs) -> Manifest:
    described = metadata(
        RULES, namespace=args.namespace, labels={**labels(RULES, COMPONENT), **args.labels}
    )
    return Manifest(
        kind="PrometheusRule",
        role="rules",
        metadata=described,
        fields={"spec": {"groups": groups_of(args.rules)}},
    )


def _routes(args: OperatorObservabilityArgs) -> Manifest:
    described = metadata(
        RULES, namespace=args.namespace, labels={**labels(RULES, COMPONENT), **args.labels}
    )
    return Manifest(
        kind="AlertmanagerConfig",
        role="alert-routes",
        metadata=described,
        fields={"spec": spec_of(args.routes)},
    )


def _probes(args: OperatorObservabilityArgs) -> Iterator[Manifest]:
    """A Probe for each URL, and the modules for the blackbox_exporter."""
    if args.blackbox_exporter is None:
        return
    yield Manifest(
        kind="ConfigMap",
        role="probe-modules",
        metadata=metadata(
            MODULES, namespace=args.namespace, labels={**labels(MODULES, COMPONENT), **args.labels}
        ),
        fields={"data": {"blackbox.yml": args.modules}},
    )
    for probed in args.probed:
        name = f"{RULES}-{probed.module}"
        yield Manifest(
            kind="Probe",
            role=f"{probed.module}-probe",
            metadata=metadata(
                name, namespace=args.namespace, labels={**labels(name, COMPONENT), **args.labels}
            ),
            fields={"spec": probe_spec(probed, args.blackbox_exporter, args.scrape_seconds)},
        )


def probe_spec(probed: ProbedUrl, exporter: str, scrape_seconds: int) -> dict[str, Any]:
    """The spec of the Probe of a URL. The operator adds the label ``namespace``: that of the Probe.

    Args:
        probed: what is asked, and with which module.
        exporter: URL of the blackbox_exporter.
        scrape_seconds: time between two probes.
    """
    address = urlsplit(exporter)
    return {
        "jobName": f"probe/{probed.module}",
        "interval": f"{scrape_seconds}s",
        "prober": {
            "scheme": address.scheme,
            "url": address.netloc,
            "path": f"{address.path.rstrip('/')}/probe",
        },
        "module": probed.module,
        "targets": {
            "staticConfig": {
                "static": [probed.url],
                "labels": {EXPORTER: BLACKBOX, "probe": probed.module},
            }
        },
    }


def pod_monitor_spec(target: ScrapeTarget, scrape_seconds: int) -> dict[str, Any]:
    """The spec of the PodMonitor of a target, in whose namespace it is."""
    return {
        "selector": {"matchLabels": dict(target.labels)},
        "sampleLimit": SAMPLE_LIMIT,
        "podMetricsEndpoints": [
            {
                "port": port,
                "path": METRICS_PATH,
                "interval": f"{scrape_seconds}s",
                # The operator's own job is namespace/name, which no rule could know.
                "relabelings": [
                    {"action": "replace", "targetLabel": label, "replacement": value}
                    for label, value in ((JOB, target.name), (EXPORTER, exporter))
                ],
            }
            for port, exporter in target.ports.items()
        ],
    }
