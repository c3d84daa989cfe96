"""What the rules of a platform depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from ...base.arg_types import DnsLabel
from ...base.constraints import Form, Range
from ...base.problems import Problem
from ...mcp.era import Era
from ...mcp.objectives import LATENCY_BOUNDS, Objectives
from .external_exporters import ExternalExporter
from .overrides import AlertOverride
from .targets import NAMESPACE, one_of

RUNBOOKS: Final = "docs/runbooks"
"""Where the runbooks are in the repository; a stack names the URL under which people read them."""


_NEVER: Final = "the alert would never fire, or always"
_PROMISE: Final = Range(
    least=50, most=99.999, whole=False, consequence="it would promise nothing, or no failure at all"
)
PositiveNumber = Annotated[
    float, Range(least=0.001, most=1_000_000, whole=False, consequence=_NEVER)
]
Percent = Annotated[float, Range(least=0.1, most=99.9, whole=False, consequence=_NEVER)]
QuantileSeconds = Annotated[
    float,
    Range(
        least=0.001,
        most=299,
        whole=False,
        consequence="the histograms end at 300 seconds: the alert would never fire",
    ),
]
Days = Annotated[int, Range(least=1, most=3650, consequence=_NEVER)]
PositiveInteger = Annotated[int, Range(least=1, consequence=_NEVER)]
Count = Annotated[int, Range(least=0, consequence="there cannot be fewer than none")]
Cores = Annotated[float, Range(least=0.001, whole=False, consequence=_NEVER)]
ImageMetricName = Annotated[
    str,
    Form(
        name="metric of an image",
        pattern="^[A-Za-z_][A-Za-z0-9_]{0,198}[A-Za-z0-9]$",
        words="the name of a metric as Prometheus has it: letters, digits and _",
        examples=("model_accuracy",),
        consequence="the rule would find no series",
        longest=200,
    ),
]
LinkTarget = Annotated[
    str,
    Form(
        name="URL or path",
        pattern="^[A-Za-z0-9._~:/%+-]*$",
        words="a URL without query, or a path",
        examples=("https://git.example.com/docs/runbooks",),
        consequence="links in alerts would lead nowhere",
        shortest=0,
        longest=2048,
    ),
]
NAMED_METRICS: Final = ("accuracy", "inference_seconds", "active_users", "feature_uses")


@dataclass(frozen=True, kw_only=True)
class MonitoredServer:
    """An MCP server of the platform.

    Attributes:
        name: of its workload.
        era: of the protocol that it serves.
        exports: whether it exports the metrics of an MCP server of the platform.
        image_metrics: whether Prometheus reads metrics of its image.
        named: metrics of its image by their meaning: ``accuracy``, ``inference_seconds`` (a
            histogram), ``active_users``, ``feature_uses``.
        cores: limit of CPU of a pod; None: unknown.
        memory_bytes: limit of memory of a pod; None: unknown.
    """

    name: DnsLabel
    era: Era = "modern"
    exports: bool = True
    image_metrics: bool = False
    named: Mapping[str, ImageMetricName] = field(default_factory=dict[str, str])
    cores: Cores | None = None
    memory_bytes: PositiveInteger | None = None

    def refusals(self) -> Iterator[Problem]:
        """Metrics of images have one of four meanings."""
        for meaning in self.named:
            if meaning not in NAMED_METRICS:
                yield Problem(
                    f"named.{meaning}",
                    "is none of the meanings that have a rule",
                    "nothing would be recorded",
                    f"write one of {', '.join(NAMED_METRICS)}",
                )


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Values above which alerts fire; the defaults are those of the source documents, if any.

    Attributes:
        tool_errors_per_second: of a tool in a pod (S2).
        tool_latency_seconds: 95th percentile of a tool in a pod (S2).
        server_memory_megabytes: resident memory of a server in a pod (S2).
        error_percent: share of requests that fail (S3).
        response_seconds: 95th percentile of the requests of a server (S3).
        resource_percent: of the limits of CPU and memory (S3).
        workflow_failure_percent: of the calls of an orchestration engine (S4).
        agent_response_seconds: 95th percentile of the calls of an agent (S4).
        connections_percent: of the connections that PostgreSQL accepts (S4).
        unauthorized_per_second: answers 401 or 403 of a server.
        limited_per_second: requests that a limit refused.
        replication_lag_seconds: of a replica of PostgreSQL.
        secret_days: age of a Secret (S3).
        certificate_days: before a certificate expires.
        egress_refused_per_minute: connections that the egress proxy refuses to a server.
        quota_percent: of a quota of the namespace.
        recovery_minutes: duration of a restore drill (S3).
    """

    tool_errors_per_second: PositiveNumber = 0.1
    tool_latency_seconds: QuantileSeconds = 0.5
    server_memory_megabytes: PositiveNumber = 400
    error_percent: Percent = 5
    response_seconds: QuantileSeconds = 2
    resource_percent: Percent = 80
    workflow_failure_percent: Percent = 10
    agent_response_seconds: QuantileSeconds = 120
    connections_percent: Percent = 90
    unauthorized_per_second: PositiveNumber = 1
    limited_per_second: PositiveNumber = 1
    replication_lag_seconds: PositiveNumber = 30
    secret_days: Days = 90
    certificate_days: Days = 14
    egress_refused_per_minute: PositiveNumber = 1
    quota_percent: Percent = 90
    recovery_minutes: PositiveInteger = 30


@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """The parts of a platform that its rules watch.

    Attributes:
        namespace: the platform's own.
        further_namespaces: of some of its workloads.
        servers: every MCP server.
        gateway: workload with nginx and its exporter; None: no exporter.
        engine: server whose tools are those of ``agents``, as in the topology orchestration.
        agents: servers that the engine offers the tools of.
        nodes: workload of QuDAG nodes that have peers and export their rounds.
        database: what exports PostgreSQL's metrics; None: nothing does.
        valkey: workload of Valkey with its exporter; None: no exporter.
        valkey_replicas: replicas beside the first pod.
        egress: workload of the egress proxy whose metrics Prometheus reads; None: none.
        logs: workload of the collectors of log lines that Prometheus reads; None: none.
        log_forwarder: workload that forwards lines to Elasticsearch or OpenSearch; None: none.
        traces: workload of the collector of traces that Prometheus reads; None: none.
        trace_store: workload of Jaeger; None: none.
        monitoring: namespace of the platform's own Prometheus; None: it has none.
        alertmanager: whether the platform has an Alertmanager in that namespace.
        trace_store_bytes: size of its volume.
        recovery_point_minutes: oldest that a dump of the database may be; None: no dumps.
        base_backup_minutes: oldest that a base backup of CloudNativePG may be; None: no archive.
        volumes: names of the volumes that are backed up and read back as often as the database.
        drill_hours: longest time between two restore drills; None: no drills.
        audit: whether servers write to an audit log.
        audit_hours: longest time between two verifications of the audit log; None: none.
        drain_seconds: within which a pod ends its calls.
        objectives: what the platform promises.
        thresholds: above which alerts fire.
        disabled: names of alerts that are left out.
        overrides: durations and severities that differ, by the name of the alert.
        labels: further labels of every alert, by which another Alertmanager routes them.
        exporters: programs outside the platform whose metrics Prometheus has.
        runbooks: URL, or path, of the folder with the runbooks.
        runbooks_namespace: of the ConfigMap with the runbooks; None: they are not in the cluster.
        grafana: URL of Grafana; empty: links to dashboards are paths.
    """

    namespace: DnsLabel
    further_namespaces: tuple[DnsLabel, ...] = ()
    servers: tuple[MonitoredServer, ...] = ()
    gateway: DnsLabel | None = None
    engine: DnsLabel | None = None
    agents: tuple[DnsLabel, ...] = ()
    nodes: DnsLabel | None = None
    database: Literal["postgres-exporter", "cloudnative-pg"] | None = None
    valkey: DnsLabel | None = None
    valkey_replicas: Count = 0
    egress: DnsLabel | None = None
    logs: DnsLabel | None = None
    log_forwarder: DnsLabel | None = None
    traces: DnsLabel | None = None
    trace_store: DnsLabel | None = None
    monitoring: DnsLabel | None = None
    alertmanager: bool = False
    trace_store_bytes: PositiveInteger | None = None
    recovery_point_minutes: PositiveInteger | None = None
    base_backup_minutes: PositiveInteger | None = None
    volumes: tuple[DnsLabel, ...] = ()
    drill_hours: PositiveInteger | None = None
    audit: bool = False
    audit_hours: PositiveInteger | None = None
    drain_seconds: PositiveInteger = 120
    objectives: Objectives = field(default_factory=Objectives)
    thresholds: Thresholds = field(default_factory=Thresholds)
    disabled: frozenset[str] = frozenset()
    overrides: Mapping[str, AlertOverride] = field(default_factory=dict[str, AlertOverride])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    exporters: frozenset[ExternalExporter] = frozenset()
    runbooks: LinkTarget = RUNBOOKS
    runbooks_namespace: DnsLabel | None = None
    grafana: LinkTarget = ""

    def refusals(self) -> Iterator[Problem]:
        """No server is watched twice, and the objectives can be computed."""
        names = [server.name for server in self.servers]
        for n, name in enumerate(names):
            if name in names[:n]:
                yield Problem(
                    f"servers[{n}].name",
                    f"is {name}, as that of another server",
                    "one of the two would not be watched",
                    "leave one out",
                )
        for name in ("availability_percent", "latency_percent"):
            if found := _PROMISE.problem(f"objectives.{name}", getattr(self.objectives, name)):
                yield found
        if self.objectives.latency_seconds not in LATENCY_BOUNDS:
            yield Problem(
                "objectives.latency_seconds",
                f"is {self.objectives.latency_seconds:g}, which is no bound of the histograms",
                "the share of slow requests could not be computed",
                f"write one of {', '.join(f'{one:g}' for one in LATENCY_BOUNDS)}",
            )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All namespaces, the platform's own first."""
        return (self.namespace, *self.further_namespaces)

    @property
    def within(self) -> str:
        """The matcher for series of the platform."""
        return one_of(NAMESPACE, self.namespaces)

    @property
    def own(self) -> str:
        """The matcher for series that the rules of the platform record."""
        return one_of(NAMESPACE, (self.namespace,))

    @property
    def exporting(self) -> Mapping[str, MonitoredServer]:
        """The servers that export metrics, by name."""
        return {server.name: server for server in self.servers if server.exports}
