"""Section `observability`: what servers log, and what reads their metrics."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from components.mcp.server_config import LogLevel

from .alerts import Alerts
from .egress_forms import EgressHost, NetworkPort
from .forms import (
    Bytes,
    DnsLabel,
    Expression,
    LabelKey,
    LabelValue,
    OneLine,
    PrometheusUrl,
    ScopeName,
    SecretName,
    ToolName,
    WebUrl,
    Word,
)
from .grafana import OwnGrafana
from .logs import Logs
from .pods import SecretKey
from .section import Section
from .traces import Traces


class PrometheusApi(Section):
    """The Prometheus that KEDA queries for the metrics of scaling.<service>.metrics."""

    address: PrometheusUrl = Field(
        description="Its URL; plain HTTP for a Service of the cluster alone."
    )
    token: SecretKey | None = Field(
        default=None, description="Bearer token; absent: no authentication."
    )
    ca: SecretKey | None = Field(
        default=None,
        description="CA that signs its certificate, with token; absent: a public one.",
    )


class PrometheusOperator(Section):
    """How the Prometheus of an operator selects the objects of this stack."""

    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Labels of the objects, by which its Prometheus selects them, such as "
        "release: kube-prometheus-stack.",
    )
    blackbox_exporter: PrometheusUrl | None = Field(
        default=None,
        description="URL of a blackbox_exporter of yours, which probes the platform at its "
        "domain; absent: no Probes.",
    )


class GrafanaDashboards(Section):
    """Dashboards as ConfigMaps, which a Grafana in the cluster finds by their labels."""

    labels: dict[LabelKey, LabelValue] = Field(
        default={"grafana_dashboard": "1"},
        min_length=1,
        description="Labels that the sidecar of Grafana looks for.",
    )


MONITORING: Final = "monitoring"
"""Key in ``kubernetes.namespaces`` of the namespace of the platform's own Prometheus."""


class ReceiverEgress(Section):
    """What Alertmanager may connect to, besides Slack and PagerDuty where receivers name them."""

    hosts: list[EgressHost] = Field(
        default=[],
        description="host:port of webhooks and of the dead man's switch, reached through the "
        "egress proxy; with network.hostEgress: cilium directly, and mail servers too.",
    )
    networks: list[NetworkPort] = Field(
        default=[],
        description="network:port, reached directly: mail servers, and webhooks whose URL has an "
        "address of these networks.",
    )


class OwnAlertmanager(Section):
    """The platform's own Alertmanager, which a stack with receivers has."""

    egress: ReceiverEgress = Field(default_factory=ReceiverEgress)
    size: Bytes = Field(
        default="1Gi",
        description="Its volume, of the class data.storageClass, with silences and with what was "
        "sent already.",
    )


class ProbeToken(Section):
    """How probes get a token: client credentials."""

    url: WebUrl = Field(description="Token endpoint of the issuer.")
    client_id: OneLine = Field(min_length=1, description="Client ID.")
    client_secret: SecretKey = Field(
        description="Secret of the client, in the namespace of monitoring."
    )
    scopes: list[ScopeName] = Field(default=[], description="Scopes of the token.")
    parameters: dict[Word, OneLine] = Field(
        default={},
        description="Parameters of the token request, such as audience, besides resource: "
        "https://<domain>/mcp.",
    )
    ca: SecretKey | None = Field(
        default=None,
        description="CA that signs the certificate of the issuer, in the namespace of "
        "monitoring; absent: a public one.",
    )


class ProbedTool(Section):
    """A tool that a probe calls every scrapeSeconds. It must change nothing."""

    name: ToolName = Field(description="Name of the tool.")
    arguments: dict[str, Any] = Field(default={}, description="Arguments of the call.")
    answer: Expression = Field(
        description="Regular expression (RE2) that the body of the answer must match."
    )


class Probes(Section):
    """Requests to the gateway, as a client sends them."""

    ca: SecretKey | None = Field(
        default=None,
        description="CA that signs the certificate for domain, in the namespace of "
        "monitoring; absent: a public one.",
    )
    token: ProbeToken | None = Field(
        default=None,
        description="How probes get a token; the probe discovery then runs. Not with "
        "protocol.era legacy. Absent: no probe has a token.",
    )
    tool: ProbedTool | None = Field(
        default=None, description="A tool that a probe calls, with token; absent: none."
    )


class KedaPods(Section):
    """The pods of KEDA's operator, which may query the platform's own Prometheus."""

    namespace: DnsLabel = Field(default="keda", description="Namespace of KEDA's operator.")
    labels: dict[LabelKey, LabelValue] = Field(
        default={"app": "keda-operator"}, min_length=1, description="Labels of its pods."
    )


class Standalone(Section):
    """The platform's own Prometheus, and what belongs to it."""

    retention_days: int = Field(
        default=15, ge=1, le=3650, description="Days after which values are deleted."
    )
    size: Bytes = Field(
        default="10Gi",
        description="Its volume, of the class data.storageClass. The oldest values are deleted "
        "earlier when 80 % of it are full.",
    )
    alertmanager: OwnAlertmanager | None = Field(
        default=None,
        description="With alerts.receivers or alerts.deadMansSwitch; absent: its defaults.",
    )
    probes: Probes | None = Field(
        default=None,
        description="Probes of the gateway under the name domain, by a blackbox_exporter; absent: "
        "none.",
    )
    login: SecretName | None = Field(
        default=None,
        description="Secret in the namespace of monitoring with username, password and web.yml, by "
        "which Prometheus requires a login; absent: network policies alone decide who reads it.",
    )
    keda: KedaPods | None = Field(
        default=None,
        description="With login: KEDA queries this Prometheus for scaling.<service>.metrics; "
        "absent: it may not connect.",
    )
    grafana: OwnGrafana | None = Field(
        default=None, description="A Grafana with the dashboards of the platform; absent: none."
    )


class Observability(Section):
    """What servers log, what reads the metrics of the platform, and where to ask for them."""

    kind: Literal["none", "operator", "standalone"] = Field(
        default="none",
        description="What reads the metrics. none: a Prometheus that you configure yourself. "
        "operator: a Prometheus of the Prometheus Operator, for which PodMonitors and alert rules "
        "are created. standalone: one of the platform's own, in a namespace of its own.",
    )
    operator: PrometheusOperator | None = Field(
        default=None, description="With kind operator; absent: its objects have no further labels."
    )
    dashboards: GrafanaDashboards | None = Field(
        default=None,
        description="Dashboards of the platform and of each server for Grafana; absent: none.",
    )
    standalone: Standalone | None = Field(
        default=None, description="Options of kind standalone; refused with another kind."
    )
    scrape_seconds: int | None = Field(
        default=None,
        ge=5,
        le=60,
        description="Seconds between two reads of a target; absent: 30.",
    )

    alerts: Alerts = Field(default_factory=Alerts)
    logs: Logs | None = Field(
        default=None,
        description="Collectors of the log lines of the platform's pods; absent: lines stay on "
        "the nodes.",
    )
    traces: Traces | None = Field(
        default=None,
        description="Spans of the gateway and of servers, and a collector that keeps some of the "
        "traces; absent: no program makes spans.",
    )
    log_level: LogLevel | None = Field(
        default=None,
        description="Least severe events that servers log; absent: debug in dev, else info.",
    )
    prometheus: PrometheusApi | None = Field(
        default=None, description="What KEDA queries; absent: nothing is scaled by metrics."
    )
