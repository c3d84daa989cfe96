"""What reads the metrics of a stack, and what it reads them from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pulumi

from components.base.versions import VERSIONS
from components.kubernetes.cloudnative_pg import pooler_name
from components.kubernetes.cloudnative_pg_policies import instance_pods, pooler_pods
from components.kubernetes.gateway_metrics import EXPORTER, MONOLITH_METRICS
from components.kubernetes.labels import selector

from .alerting import routes_text
from .config.observability import MONITORING, Standalone
from .config.stack import StackConfig
from .data_kinds import kind_of
from .log_flows import LOG_COLLECTOR, LOG_FORWARDER
from .monitoring import (
    ALERTMANAGER,
    BLACKBOX_EXPORTER,
    GRAFANA,
    has_own_prometheus,
    monitoring_workloads,
    own_login,
    scrapes_monitoring,
)
from .own_alertmanager import alertmanager_args
from .own_grafana import grafana_args
from .placement import placement
from .pod_settings import pod_settings
from .probes import blackbox_exporter_args, probed_urls, public_modules, public_urls
from .rule_options import rule_options
from .runbooks import deploy_runbooks
from .topologies.topology import (
    POSTGRES,
    PROMETHEUS,
    VALKEY,
    EgressProxyService,
    GatewayService,
    MonolithService,
    Topology,
    UserService,
)
from .trace_flows import TRACE_COLLECTOR, TRACE_STORE, has_traces

if TYPE_CHECKING:
    from components.observability.rules.targets import ExporterName
    from components.observability.standalone import StandaloneObservabilityArgs
    from components.observability.targets import ScrapeTarget

OBSERVABILITY: Final = "observability"
_OF_OTHERS: Final[Mapping[str, ExporterName]] = {
    POSTGRES: "postgres",
    VALKEY: "valkey",
    LOG_COLLECTOR: "log-collector",
    TRACE_COLLECTOR: "trace-collector",
    LOG_FORWARDER: "log-forwarder",
    TRACE_STORE: "trace-store",
}
DEFAULT_SCRAPE_SECONDS: Final = 30


def scrape_targets(
    config: StackConfig, topology: Topology, namespaces: Mapping[str, pulumi.Input[str]]
) -> list[ScrapeTarget]:
    """What exports metrics: the ends of the flows of Prometheus, and servers of CloudNativePG.

    Args:
        config: the stack's.
        topology: with the servers of the stack.
        namespaces: outputs of the components that create the namespaces, by their names.
    """
    from components.observability.targets import ScrapeTarget

    where = placement(config)
    over_tls = {(one.name, one.metrics) for one in monitoring_workloads(config)}
    scraped = [
        flow
        for flow in topology.flows
        if flow.source == PROMETHEUS
        and flow.target in topology.workloads
        and (flow.target, flow.port) not in over_tls
    ]
    found = [
        ScrapeTarget(
            name=workload,
            namespace=namespaces[where.of(workload)],
            labels=selector(workload),
            ports=dict(
                _port(config, topology, workload, flow.port)
                for flow in scraped
                if flow.target == workload
            ),
        )
        for workload in dict.fromkeys(flow.target for flow in scraped)
    ]
    if has_cloudnative_pg(config, topology):
        namespace = namespaces[where.of(POSTGRES)]
        pods = {POSTGRES: (instance_pods(POSTGRES), "cloudnative-pg")}
        if config.data.cloudnative_pg and config.data.cloudnative_pg.pooler:
            pods[pooler_name(POSTGRES)] = (pooler_pods(POSTGRES), "pgbouncer")
        found += [
            ScrapeTarget(name=name, namespace=namespace, labels=labels, ports={"metrics": exporter})
            for name, (labels, exporter) in pods.items()
        ]
    return found


def has_cloudnative_pg(config: StackConfig, topology: Topology) -> bool:
    """Whether CloudNativePG runs a database of this stack."""
    return POSTGRES in topology.data and kind_of(config, POSTGRES).name == "cloudnative-pg"


def deploy_monitoring(
    config: StackConfig,
    topology: Topology,
    namespaces: Mapping[str, pulumi.Input[str]],
    options: pulumi.ResourceOptions,
) -> None:
    """Registers what reads the metrics; nothing with the kind `none`."""
    section = config.observability
    if section.kind != "none":
        deploy_runbooks(config, topology, rule_options(config, topology), namespaces, options)
    if section.kind == "operator":
        from components.observability.operator import (
            OperatorObservability,
            OperatorObservabilityArgs,
        )

        args = OperatorObservabilityArgs(
            namespace=namespaces[config.namespace],
            rules=rules_text(config, topology),
            routes=routes_text(config),
            targets=scrape_targets(config, topology, namespaces),
            blackbox_exporter=section.operator.blackbox_exporter if section.operator else None,
            probed=public_urls(config),
            modules=public_modules(config),
            labels=section.operator.labels if section.operator else {},
            scrape_seconds=section.scrape_seconds or DEFAULT_SCRAPE_SECONDS,
        )
        OperatorObservability(OBSERVABILITY, args, opts=options)
    elif own := standalone_args(config, topology, namespaces):
        from components.observability.standalone import StandaloneObservability

        StandaloneObservability(OBSERVABILITY, own, opts=options)
        if alertmanager := alertmanager_args(config, namespaces):
            from components.observability.alertmanager_workload import Alertmanager

            Alertmanager(ALERTMANAGER, alertmanager, opts=options)
        if probes := blackbox_exporter_args(config, namespaces):
            from components.observability.blackbox_exporter import BlackboxExporter

            BlackboxExporter(BLACKBOX_EXPORTER, probes, opts=options)
        if shown := grafana_args(config, topology, namespaces):
            from components.observability.grafana import Grafana

            Grafana(GRAFANA, shown, opts=options)


def standalone_args(
    config: StackConfig, topology: Topology, namespaces: Mapping[str, pulumi.Input[str]]
) -> StandaloneObservabilityArgs | None:
    """The args of the platform's own Prometheus; None without one."""
    if not has_own_prometheus(config):
        return None
    from components.observability.standalone import StandaloneObservabilityArgs
    from components.observability.targets import ServiceTarget

    section = config.observability.standalone or Standalone()
    where = placement(config)
    services = [
        ServiceTarget(name=one.name, port=one.metrics)
        for one in monitoring_workloads(config)
        if one.metrics is not None
    ]
    by_name = {service.name: service for service in services}
    places = {"platform": where.namespace, **where.namespaces}
    return StandaloneObservabilityArgs(
        namespace=namespaces[where.of(PROMETHEUS)],
        namespaces={
            place: namespaces[there]
            for place, there in places.items()
            if place != MONITORING or scrapes_monitoring(config)
        },
        image=config.images.prometheus or VERSIONS["images"]["prometheus"],
        targets=scrape_targets(config, topology, namespaces),
        services=services,
        alertmanager=by_name.get(ALERTMANAGER),
        blackbox_exporter=by_name.get(BLACKBOX_EXPORTER),
        probed=probed_urls(config, topology),
        rules=rules_text(config, topology),
        login=own_login(config),
        exemplars=has_traces(config),
        tls_secret=config.secrets.internal_tls_of(PROMETHEUS),
        ca_secret=config.secrets.internal_ca,
        scrape_seconds=config.observability.scrape_seconds or DEFAULT_SCRAPE_SECONDS,
        retention_days=section.retention_days,
        size=section.size,
        storage_class=config.data.storage_class,
        protect=config.data.protect,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, PROMETHEUS),
    )


def rules_text(config: StackConfig, topology: Topology) -> str:
    """The recording rules and alerts of the stack, as a rule file in JSON."""
    from components.observability.rules import rule_groups

    return json.dumps({"groups": rule_groups(rule_options(config, topology))}, indent=1)


def _port(
    config: StackConfig, topology: Topology, workload: str, port: int
) -> tuple[str, ExporterName]:
    """The name that a workload gives to a port of metrics, and the program that answers there."""
    service = next((one for one in topology.services if one.name == workload), None)
    found: tuple[str, ExporterName]
    match service:
        case GatewayService():
            found = EXPORTER, "gateway"
        case MonolithService() if port == MONOLITH_METRICS:
            found = EXPORTER, "gateway"
        case MonolithService():
            found = "server-metrics", "server"
        case UserService():
            found = "metrics", "server" if config.servers[workload].bridged else "image"
        case EgressProxyService():
            found = "metrics", "egress"
        case None:
            found = "metrics", _OF_OTHERS[workload]
        case _:
            found = "metrics", "server"
    return found
