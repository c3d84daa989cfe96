"""What runs in the namespace of monitoring, and which of it a stack has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .config.grafana import GrafanaSignIn
from .config.observability import KedaPods, Probes
from .config.pods import SecretKey
from .config.stack import StackConfig
from .log_flows import LOG_FORWARDER, LOG_STORE, has_log_forwarder, has_log_store
from .topologies.topology import PROMETHEUS
from .trace_flows import TRACE_STORE, has_trace_store, has_traces

ALERTMANAGER: Final = "alertmanager"
BLACKBOX_EXPORTER: Final = "blackbox-exporter"
GRAFANA: Final = "grafana"
KEDA: Final = "keda"
"""Name of KEDA's operator, in flows."""
PROMETHEUS_PORT: Final = 9090


@dataclass(frozen=True, kw_only=True)
class MonitoringWorkload:
    """A workload in the namespace of monitoring.

    Attributes:
        name: of the workload, in flows too.
        wanted: whether a stack has it.
        serves: whether it has a Service, ``<name>-service``, which answers over TLS: its
            certificate is in the Secret ``secrets.internalTls`` with its name as suffix.
        metrics: port of that Service at which the platform's own Prometheus reads its metrics,
            over TLS; None: it does not.
        why: what Prometheus connects to that port for.
        calls_api_server: whether it may connect to the API server.
    """

    name: str
    wanted: Callable[[StackConfig], bool]
    serves: bool = True
    metrics: int | None = None
    why: str = "metrics"
    calls_api_server: bool = False


def has_own_prometheus(config: StackConfig) -> bool:
    """Whether the stack deploys a Prometheus."""
    return config.observability.kind == "standalone"


def scrapes_monitoring(config: StackConfig) -> bool:
    """Whether Prometheus reads metrics of pods in the namespace of monitoring."""
    return has_traces(config) or has_log_forwarder(config)


def has_own_alertmanager(config: StackConfig) -> bool:
    """Whether the stack deploys an Alertmanager: its Prometheus sends alerts to receivers."""
    alerts = config.observability.alerts
    has_receiver = bool(alerts.receivers) or alerts.dead_mans_switch is not None
    return has_own_prometheus(config) and has_receiver


def own_login(config: StackConfig) -> str | None:
    """The Secret with the login of the platform's own Prometheus; None if it asks for none."""
    section = config.observability.standalone
    return section.login if section and has_own_prometheus(config) else None


def own_keda(config: StackConfig) -> KedaPods | None:
    """The pods of KEDA that query the platform's own Prometheus; None: there are none."""
    section = config.observability.standalone
    return section.keda if section and has_own_prometheus(config) else None


def has_own_grafana(config: StackConfig) -> bool:
    """Whether the stack deploys a Grafana."""
    section = config.observability.standalone
    return section is not None and section.grafana is not None and has_own_prometheus(config)


def own_sign_in(config: StackConfig) -> GrafanaSignIn | None:
    """How people sign in to the stack's Grafana; None: by a password, or it has none."""
    section = config.observability.standalone
    shown = section.grafana if section and has_own_prometheus(config) else None
    return shown.sign_in if shown else None


def sign_in_keys(config: StackConfig) -> list[SecretKey]:
    """The keys that Grafana reads for it, but for those of the platform's own CA."""
    section = own_sign_in(config)
    found = [section.client_secret, section.ca] if section else []
    return [key for key in found if key and key.secret != config.secrets.internal_ca]


def own_probes(config: StackConfig) -> Probes | None:
    """The section of the probes; None if the stack sends none."""
    section = config.observability.standalone
    return section.probes if section is not None and has_own_prometheus(config) else None


def has_probes(config: StackConfig) -> bool:
    """Whether the stack has the gateway probed, by an exporter of its own or of the user."""
    operator = config.observability.operator
    return own_probes(config) is not None or bool(operator and operator.blackbox_exporter)


def probe_keys(config: StackConfig) -> list[SecretKey]:
    """The keys that probes read, but for those of the platform's own CA."""
    section = own_probes(config)
    if section is None:
        return []
    token = section.token
    of_token = (token.client_secret, token.ca) if token else ()
    found = [key for key in (section.ca, *of_token) if key]
    return [key for key in found if key.secret != config.secrets.internal_ca]


MONITORING_WORKLOADS: Final = (
    MonitoringWorkload(name=PROMETHEUS, wanted=has_own_prometheus, calls_api_server=True),
    MonitoringWorkload(
        name=ALERTMANAGER, wanted=has_own_alertmanager, metrics=9093, why="alerts and metrics"
    ),
    MonitoringWorkload(
        name=BLACKBOX_EXPORTER,
        wanted=lambda config: own_probes(config) is not None,
        metrics=9115,
        why="probes and metrics",
    ),
    MonitoringWorkload(name=GRAFANA, wanted=has_own_grafana),
    MonitoringWorkload(name=LOG_STORE, wanted=has_log_store),
    MonitoringWorkload(name=TRACE_STORE, wanted=has_trace_store),
    MonitoringWorkload(name=LOG_FORWARDER, wanted=has_log_forwarder),
)


def monitoring_workloads(config: StackConfig) -> list[MonitoringWorkload]:
    """Those that the stack has."""
    return [one for one in MONITORING_WORKLOADS if one.wanted(config)]
