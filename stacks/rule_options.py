"""What the alert rules of a stack watch, from its configuration and its topology."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from components.base.quantities import quantity
from components.mcp.timeout_budget import Distance, TimeoutBudget

from .backup import backs_up_database, recorded_volumes
from .config.observability import MONITORING
from .config.servers import Server
from .config.stack import StackConfig
from .config.traces import TraceStore
from .gateway_metrics import has_exporter
from .log_flows import LOG_COLLECTOR, LOG_FORWARDER, has_log_collector, has_log_forwarder
from .monitoring import (
    has_own_alertmanager,
    has_own_prometheus,
    has_probes,
    scrapes_monitoring,
)
from .placement import placement
from .runbooks import runbooks_namespace
from .topologies.topology import (
    POSTGRES,
    PROMETHEUS,
    VALKEY,
    EgressProxyService,
    GatewayService,
    MonolithService,
    NodeService,
    ServerService,
    Service,
    Topology,
    UserService,
)
from .trace_flows import TRACE_COLLECTOR, TRACE_STORE, has_trace_store, has_traces
from .valkey import exporters

if TYPE_CHECKING:
    from components.observability.rules import MonitoredServer, RuleOptions

DAY: Final = 24
WEEK: Final = 7 * DAY
MONTH: Final = 31 * DAY
YEAR: Final = 366 * DAY
_MACROS: Final = {
    **dict.fromkeys(("@hourly", "@daily", "@midnight"), DAY),
    **{"@weekly": WEEK, "@monthly": MONTH, "@yearly": YEAR, "@annually": YEAR},
}


def rule_options(config: StackConfig, topology: Topology) -> RuleOptions:
    """The options of the rules of a stack."""
    from components.observability.rules import RuleOptions

    audit = config.audit
    backup = config.backup if backs_up_database(config, topology) else None
    archive = config.data.cloudnative_pg.backup if config.data.cloudnative_pg else None
    database = _database(config, topology)
    nodes = _nodes(config, topology)
    agents = config.cluster_servers if config.topology == "orchestration" else {}
    scraped = exporters(config, topology)
    stores_traces = has_trace_store(config)
    budget = TimeoutBudget(
        longest_tool=config.protocol.longest_tool_seconds, drain=config.protocol.drain_seconds
    )
    return RuleOptions(
        namespace=config.namespace,
        further_namespaces=tuple(
            there
            for place, there in placement(config).namespaces.items()
            if place != MONITORING or scrapes_monitoring(config)
        ),
        servers=tuple(_servers(config, topology)),
        gateway=topology.front.service if has_exporter(config) else None,
        engine=topology.front.upstream if agents else None,
        agents=tuple(agents),
        nodes=nodes,
        database=database,
        valkey=VALKEY if VALKEY in scraped else None,
        egress=_egress(config, topology),
        logs=LOG_COLLECTOR if has_log_collector(config) and config.scraper else None,
        log_forwarder=LOG_FORWARDER if has_log_forwarder(config) and config.scraper else None,
        traces=TRACE_COLLECTOR if has_traces(config) and config.scraper else None,
        trace_store=TRACE_STORE if stores_traces else None,
        trace_store_bytes=_trace_store_bytes(config) if stores_traces else None,
        monitoring=config.monitoring_namespace if has_own_prometheus(config) else None,
        alertmanager=has_own_alertmanager(config),
        valkey_replicas=config.data.valkey.replicas - 1 if VALKEY in scraped else 0,
        recovery_point_minutes=backup.recovery_point_minutes if backup else None,
        base_backup_minutes=(
            archive.recovery_point_minutes if archive and database == "cloudnative-pg" else None
        ),
        volumes=tuple(recorded_volumes(config, topology)),
        drill_hours=hours_between(backup.drill) if backup and backup.drill else None,
        audit=audit.enabled,
        audit_hours=hours_between(audit.schedule) if audit.enabled else None,
        drain_seconds=budget.at(Distance.SERVER).drain,
        **_of_section(config),
    )


def _trace_store_bytes(config: StackConfig) -> int:
    traces = config.observability.traces
    section = traces.store if traces and traces.store else TraceStore()
    return int(quantity(section.size))


def _of_section(config: StackConfig) -> dict[str, Any]:
    """The options that the section observability.alerts has."""
    from components.observability.rules import AlertOverride, Objectives, Thresholds

    section = config.observability.alerts
    links = {"runbooks": section.runbooks, "grafana": section.grafana}
    return {
        "objectives": Objectives(**section.objectives.model_dump()),
        "thresholds": Thresholds(
            secret_days=config.secrets.rotation_days, **section.thresholds.model_dump()
        ),
        "disabled": frozenset(section.disabled),
        "overrides": {
            name: AlertOverride(duration=one.duration, severity=one.severity)
            for name, one in section.overrides.items()
        },
        "labels": section.labels,
        "exporters": frozenset([*section.exporters, *(["blackbox"] if has_probes(config) else [])]),
        "runbooks_namespace": runbooks_namespace(config),
        **{name: url.rstrip("/") for name, url in links.items() if url},
    }


def hours_between(schedule: str) -> int:
    """The longest time between two runs, rounded up to a day, a week, a month or a year."""
    fields = schedule.split()
    if len(fields) == 1:
        return _MACROS[schedule]
    _, _, day, month, weekday = fields[-5:]
    if month != "*":
        return YEAR
    if day != "*":
        return MONTH
    return DAY if weekday == "*" else WEEK


def _servers(config: StackConfig, topology: Topology) -> list[MonitoredServer]:
    from components.observability.rules import MonitoredServer

    read = {flow.target for flow in topology.flows if flow.source == PROMETHEUS}

    def own(service: Service) -> Server | None:
        return config.servers[service.name] if isinstance(service, UserService) else None

    return [
        MonitoredServer(
            name=service.name,
            era=server.era if (server := own(service)) else config.protocol.era,
            exports=service.name in read and (server is None or server.bridged),
            image_metrics=service.name in read and server is not None and not server.bridged,
            named=server.metrics.named if server and server.metrics else {},
            cores=float(quantity(service.resources.cpu_limit)),
            memory_bytes=int(quantity(service.resources.memory_limit)),
        )
        for service in topology.services
        if isinstance(service, ServerService | UserService)
        and not isinstance(service, GatewayService)
    ]


def _egress(config: StackConfig, topology: Topology) -> str | None:
    found = [one.name for one in topology.services if isinstance(one, EgressProxyService)]
    return found[0] if found and config.scraper else None


def _nodes(config: StackConfig, topology: Topology) -> str | None:
    """The nodes that have peers and export how long they take to agree."""
    if config.images.qudag_profile != "seed":
        return None
    found = [one for one in topology.services if isinstance(one, NodeService)]
    several = [one for one in found if one.replicas > 1 or config.network.qudag_peer_addresses]
    return several[0].name if several and not isinstance(several[0], MonolithService) else None


def _database(
    config: StackConfig, topology: Topology
) -> Literal["postgres-exporter", "cloudnative-pg"] | None:
    if POSTGRES in topology.data and config.data.kind == "cloudnative-pg":
        return "cloudnative-pg"
    return "postgres-exporter" if POSTGRES in exporters(config, topology) else None
