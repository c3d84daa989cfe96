"""The cases of alerts about the gateway, the cluster, images of users, logs and traces."""

from __future__ import annotations

from typing import Final

from tests.components.observability.alert_cases import STEP, Case, Series, constant, rising, series

_GATEWAY: Final = {"job": "mcp-gateway", "pod": "mcp-gateway-0", "exporter": "gateway"}
_DAY: Final = 86_400


def _gateway(name: str, **labels: str) -> str:
    return series(name, **{**_GATEWAY, **labels})


def _both(up: int, nginx: int) -> Series:
    return {_gateway("up"): constant(up), _gateway("mcp_gateway_up"): constant(nginx)}


def _platform(severity: str, wait: int, over: Series, under: Series, **more: object) -> Case:
    given = {"severity": severity, "team": "platform", "scope": "platform", "wait": wait}
    return Case(**{**given, "over": over, "under": under, **more})  # pyright: ignore


def _limited(per_second: float) -> Series:
    return {
        _gateway("mcp_gateway_limited_total", route="/mcp", limit="requests"): rising(per_second)
    }


def _upstream(per_second: float, status: str = "502") -> Series:
    name = "mcp_gateway_upstream_errors_total"
    return {_gateway(name, route="/mcp", status=status): rising(per_second)}


GATEWAY: Final[dict[str, Case]] = {
    "PlatformDown": _platform(
        "critical",
        60,
        over={
            series("up", job="another", exporter="gateway"): constant(1),
            _gateway("up", exporter="server"): constant(1),
        },
        under={
            **_both(1, 1),
            _gateway("up", instance="b"): constant(0),
            series("up", job="another", exporter="gateway"): constant(0),
            series("mcp_gateway_up", job="another"): constant(0),
        },
        others=(
            {
                _gateway("up"): constant(0),
                _gateway("up", exporter="server"): constant(1),
                _gateway("up", namespace="other"): constant(1),
            },
        ),
        strong={
            **_both(1, 0),
            _gateway("mcp_gateway_up", namespace="other"): constant(1),
        },
    ),
    "GatewayPodDown": _platform(
        *("warning", 120, _both(1, 0)),
        {
            **_both(1, 1),
            series("up"): constant(0),
            _gateway("up", exporter="server"): constant(0),
            _gateway("mcp_gateway_up", namespace="other"): constant(0),
            series("up", job="another", exporter="gateway"): constant(0),
            series("mcp_gateway_up", job="another"): constant(0),
        },
        strong=_both(0, 1),
    ),
    "GatewayLimitsRefuse": _platform(
        *("warning", 600, _limited(1.1), _limited(0.9)),
        scope="server",
        strong=_limited(100),
        begins=30,
    ),
    "GatewayUpstreamErrors": _platform(
        *("warning", 300, _upstream(0.11), {**_upstream(0.09), **_upstream(9, "500")}),
        team="servers",
        scope="server",
        strong=_upstream(100, "504"),
        begins=30,
    ),
    "GatewayMetricsLost": _platform(
        *("info", 300, {_gateway("mcp_gateway_lost_lines_total"): rising(0.001)}),
        {_gateway("mcp_gateway_lost_lines_total"): constant(7)},
        begins=30,
    ),
    "EndpointDown": _platform(
        *("critical", 120, {series("probe_success"): constant(0)}),
        {series("probe_success"): constant(1)},
    ),
    "ProbesMissing": _platform(
        *("warning", 600, {series("probe_success", namespace="other"): constant(1)}),
        {series("probe_success"): constant(0)},
    ),
    "PublicCertificateExpires": _platform(
        *("critical", 3600, {series("probe_ssl_earliest_cert_expiry"): constant(14 * _DAY - 1)}),
        {series("probe_ssl_earliest_cert_expiry"): constant(16 * _DAY)},
        team="security",
    ),
}


def _autoscaler(wanted: int) -> Series:
    one = {"horizontalpodautoscaler": "engine-hpa"}
    return {
        series("kube_horizontalpodautoscaler_status_desired_replicas", **one): constant(wanted),
        series("kube_horizontalpodautoscaler_spec_max_replicas", **one): constant(10),
    }


def _quota(used: float, hard: float = 100) -> Series:
    one = {"resourcequota": "platform", "resource": "limits.cpu"}
    return {
        series("kube_resourcequota", type="used", **one): constant(used),
        series("kube_resourcequota", type="hard", **one): constant(hard),
    }


def _waiting(reason: str) -> Series:
    name = "kube_pod_container_status_waiting_reason"
    return {series(name, container="server", reason=reason): constant(1)}


def _cluster(severity: str, wait: int, over: Series, under: Series, **more: object) -> Case:
    return _platform(severity, wait, over, under, **{"scope": "cluster", **more})


def _keda(per_second: float) -> Series:
    labels = {"namespace": "keda", "exported_namespace": "mcp", "scaledObject": "engine"}
    return {series("keda_scaler_errors_total", **labels): rising(per_second)}


def _certificate(seconds: int) -> Series:
    labels = {"namespace": "cert-manager", "exported_namespace": "mcp", "name": "internal"}
    name = "certmanager_certificate_expiration_timestamp_seconds"
    return {series(name, **labels): constant(seconds)}


CLUSTER: Final[dict[str, Case]] = {
    "AutoscalerAtMaximum": _cluster("warning", 900, _autoscaler(10), _autoscaler(9)),
    # A quota of nothing is a decision.
    "QuotaNearlyUsed": _cluster("warning", 900, _quota(91), _quota(90), quiet=(_quota(1, 0),)),
    "PodCrashLooping": _cluster(
        *("critical", 300, _waiting("CrashLoopBackOff"), _waiting("ContainerCreating")),
        team="servers",
    ),
    "ScalerErrors": _cluster("warning", 600, _keda(0.1), _keda(0), begins=30),
    "CertificateNotRenewed": _cluster(
        *("critical", 3600, _certificate(14 * _DAY - 1), _certificate(16 * _DAY)), team="security"
    ),
}
"""Time begins at 0 in promtool."""

_EGRESS: Final = {"job": "egress-proxy", "pod": "egress-proxy-0", "exporter": "egress"}
_REFUSED: Final = {
    "envoy_http_conn_manager_prefix": "server weather",
    "envoy_response_code_class": "4",
}
_IMAGE: Final = {"job": "model", "pod": "model-0", "exporter": "image"}


def _egress(per_second: float, **labels: str) -> Series:
    name = "envoy_http_downstream_rq_xx"
    return {series(name, **{**_EGRESS, **_REFUSED, **labels}): rising(per_second)}


def _tunnels(per_second: float, **labels: str) -> Series:
    name = "envoy_listener_no_filter_chain_match"
    one = {**_EGRESS, "envoy_listener_address": "tunnels", **labels}
    return {series(name, **one): rising(per_second)}


SERVERS_OF_USERS: Final[dict[str, Case]] = {
    "EgressRefused": _platform(
        *("warning", 300, {**_egress(1.1 / 60), **_tunnels(1.1 / 60)}),
        {
            **_egress(0.9 / 60),
            **_tunnels(0.9 / 60),
            **_egress(9, envoy_response_code_class="2"),
            **_egress(9, exporter="server"),
            **_tunnels(9, exporter="server"),
            **_egress(9, job="another"),
            **_tunnels(9, job="another"),
        },
        team="security",
        scope="server",
        strong={**_egress(10), **_tunnels(10)},
        begins=30,
        count=2,
    ),
    "EgressProxyDown": _platform(
        *("warning", 120, {series("up", **_EGRESS): constant(0)}),
        {
            series("up", **_EGRESS): constant(1),
            series("up", **{**_EGRESS, "exporter": "server"}): constant(0),
            series("up", **{**_EGRESS, "job": "another"}): constant(0),
        },
        others=(
            {
                series("up", **{**_EGRESS, "exporter": "server"}): constant(1),
                series("up", **{**_EGRESS, "job": "another"}): constant(1),
                series("up", **{**_EGRESS, "namespace": "other"}): constant(1),
            },
        ),
        scope="server",
    ),
    "ImageMetricsMissing": _platform(
        *("warning", 600, {series("up", **_IMAGE): constant(0)}),
        {series("up", **_IMAGE): constant(1), series("up", job="another"): constant(0)},
        team="servers",
        scope="server",
    ),
}

_LOG_COLLECTOR: Final = {
    **{"job": "log-collector", "pod": "log-collector-x2k9q", "exporter": "log-collector"},
}
_COLLECTOR: Final = {
    **_LOG_COLLECTOR,
    "exported_exporter": "otlphttp/main",
}


def _queue(filled: float) -> Series:
    return {
        series("otelcol_exporter_queue_size", **_COLLECTOR): constant(filled),
        series("otelcol_exporter_queue_capacity", **_COLLECTOR): constant(100),
    }


_LATER: Final = f"_x30 1+0x{STEP}"
"""A counter that begins with 1."""


def _dropped(values: str, **labels: str) -> Series:
    name = "otelcol_exporter_send_failed_log_records"
    return {series(name, **{**_COLLECTOR, **labels}): values}


_FORWARDER: Final = {
    **{"job": "log-forwarder", "pod": "log-forwarder-0", "exporter": "log-forwarder"},
}


def _log(name: str, values: str, **labels: str) -> Series:
    return {series(name, **{**_FORWARDER, **labels}): values}


def _refused(values: str, **labels: str) -> Series:
    """Lines that the store behind the forwarder has refused."""
    return _log("mcp_log_lines_total", values, **{"outcome": "refused", **labels})


LOGS: Final[dict[str, Case]] = {
    "LogCollectorDown": _platform(
        *("warning", 300, {series("up", **_LOG_COLLECTOR): constant(0)}),
        {
            series("up", **_LOG_COLLECTOR): constant(1),
            series("up", **{**_LOG_COLLECTOR, "exporter": "server"}): constant(0),
            series("up", **{**_LOG_COLLECTOR, "job": "another"}): constant(0),
            series("up", **{**_LOG_COLLECTOR, "namespace": "other"}): constant(0),
        },
        others=(
            {
                series("up", **{**_LOG_COLLECTOR, "exporter": "server"}): constant(1),
                series("up", **{**_LOG_COLLECTOR, "job": "another"}): constant(1),
                series("up", **{**_LOG_COLLECTOR, "namespace": "other"}): constant(1),
            },
        ),
    ),
    "LogQueueFilling": _platform("warning", 300, _queue(51), _queue(49)),
    "LogLinesDropped": _platform(
        *("warning", 60, _dropped(rising(0.001))),
        {
            **_dropped(rising(1), pod="a", exporter="server"),
            **_dropped(rising(1), pod="b", job="another"),
            **_dropped(_LATER, pod="c", exporter="server"),
            **_dropped(_LATER, pod="d", job="another"),
        },
        others=(
            _dropped(_LATER),
            # The collectors' sink is the forwarder, which has refused no lines lately.
            {**_dropped(rising(1)), **_refused(constant(3))},
            {**_dropped(rising(1)), **_log("mcp_log_lines_total", rising(9), outcome="stored")},
            {**_dropped(rising(1)), **_refused(rising(9), exporter="server")},
            {**_dropped(rising(1)), **_refused(rising(9), job="another")},
            {**_dropped(rising(1)), **_refused(rising(9), namespace="other")},
        ),
        quiet=(
            _dropped(constant(3)),
            # The store has refused them: LogLinesRefused fires.
            {**_dropped(rising(1)), **_refused(rising(0.001), namespace="agents")},
            {**_dropped(_LATER), **_refused(f"0+0x30 1+0x{STEP}")},
            # The collectors' metrics are read after the forwarder's, and show it for longer.
            {**_dropped(f"0+0x25 3+0x{STEP}"), **_refused(f"0+0x19 3+0x{STEP}")},
        ),
        begins=30,
    ),
}


def _of_others(name: str, values: str, **labels: str) -> Series:
    """The same of other programs, workloads and platforms."""
    return {
        **_log(name, values, exporter="server", **labels),
        **_log(name, values, job="another", **labels),
        **_log(name, values, namespace="other", **labels),
    }


_AGE: Final = "mcp_log_retention_age_seconds"
FORWARDER: Final[dict[str, Case]] = {
    "LogStoreUnavailable": _platform(
        *("warning", 300, _log("mcp_log_store_up", constant(0))),
        {**_log("mcp_log_store_up", constant(1)), **_of_others("mcp_log_store_up", constant(0))},
    ),
    "LogLinesRefused": _platform(
        *("warning", 60, _log("mcp_log_lines_total", rising(0.001), outcome="refused")),
        {
            **_log("mcp_log_lines_total", rising(10), outcome="stored"),
            **_log("mcp_log_lines_total", constant(3), outcome="refused"),
            **_of_others("mcp_log_lines_total", rising(1), outcome="refused"),
        },
        begins=30,
    ),
    "LogRetentionOverdue": _platform(
        *("warning", 1800, _log(_AGE, constant(3601))),
        {**_log(_AGE, constant(3599)), **_of_others(_AGE, constant(9000))},
        # It was never told of a run; another platform's was.
        others=(_of_others(_AGE, constant(10)),),
    ),
}

_TRACES: Final = {
    **{"job": "trace-collector", "pod": "trace-collector-7d", "exporter": "trace-collector"},
}
_LOST_BY_COLLECTOR: Final = (
    "otelcol_receiver_refused_spans",
    "otelcol_exporter_enqueue_failed_spans",
    "otelcol_exporter_send_failed_spans",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",
)


def _spans(outcome: str, values: str) -> Series:
    return {series("mcp_spans_total", outcome=outcome): values}


TRACES: Final[dict[str, Case]] = {
    "SpansLost": _platform(
        "warning",
        600,
        _spans("failed", rising(1)),
        # Spans that were lost once, and no more since.
        {
            **_spans("sent", rising(10)),
            **_spans("failed", constant(7)),
            **{series(name, **_TRACES): constant(7) for name in _LOST_BY_COLLECTOR},
        },
        begins=30,
        others=(
            _spans("dropped", rising(1)),
            *({series(name, **_TRACES): rising(1)} for name in _LOST_BY_COLLECTOR),
        ),
        # A collector of the user, another exporter, and a collector of another platform.
        quiet=(
            {
                series(name, **{**_TRACES, label: "other"}): rising(1)
                for name in _LOST_BY_COLLECTOR
                for label in ("job", "exporter", "namespace")
            },
        ),
    ),
}

_JAEGER: Final = {"job": "trace-store", "pod": "trace-store-0", "exporter": "trace-store"}
_FREE: Final = "jaeger_storage_badger_value_log_bytes_available"
_TABLES: Final = "jaeger_storage_badger_size_bytes_lsm"
_FIFTH: Final = 2 * 1024**3
"""Bytes: a fifth of the volume of 10 GiB."""
_REFUSED_BY_JAEGER: Final = (
    "otelcol_exporter_send_failed_spans_total",
    "otelcol_receiver_refused_spans_total",
)


def _jaeger(name: str, values: str, **labels: str) -> Series:
    return {series(name, **{**_JAEGER, **labels}): values}


def _of_other_stores(name: str, values: str) -> Series:
    return {
        **_jaeger(name, values, exporter="server"),
        **_jaeger(name, values, job="another"),
        **_jaeger(name, values, namespace="other"),
    }


TRACE_STORE: Final[dict[str, Case]] = {
    "TraceStoreFilling": _platform(
        *("warning", 300, _jaeger(_FREE, constant(_FIFTH - 1024**2))),
        {
            **_jaeger(_FREE, constant(_FIFTH)),
            **_jaeger(_TABLES, constant(4 * _FIFTH)),
            **_of_other_stores(_FREE, constant(0)),
            **_of_other_stores(_TABLES, constant(5 * _FIFTH)),
        },
        others=(
            # The volume is a folder of the node's disk, which has space for more.
            {
                **_jaeger(_FREE, constant(100 * _FIFTH)),
                **_jaeger(_TABLES, constant(4 * _FIFTH + 1024**2)),
            },
            # One alert for both.
            {**_jaeger(_FREE, constant(0)), **_jaeger(_TABLES, constant(5 * _FIFTH))},
        ),
    ),
    "TraceStoreRejectsSpans": _platform(
        *("warning", 300, _jaeger(_REFUSED_BY_JAEGER[0], rising(1))),
        {
            series: values
            for name in _REFUSED_BY_JAEGER
            for series, values in {
                **_jaeger(name, constant(7)),
                **_of_other_stores(name, rising(1)),
            }.items()
        },
        others=(_jaeger(_REFUSED_BY_JAEGER[1], rising(1)),),
        begins=30,
    ),
}

_RULES_FAIL: Final = "prometheus_rule_evaluation_failures_total"
_NOT_TAKEN: Final = "prometheus_notifications_errors_total"
_NOT_QUEUED: Final = "prometheus_notifications_dropped_total"
_NOT_TOLD: Final = "alertmanager_notifications_failed_total"
_READ: Final = "config_last_reload_successful"


def _own(program: str, name: str, values: str, **labels: str) -> Series:
    """A series that the platform's own Prometheus reads of itself, or of Alertmanager."""
    return {series(name, **{"job": program, "exporter": program, **labels}): values}


def _of_other_programs(program: str, name: str, values: str) -> Series:
    return {
        **_own(program, name, values, exporter="server"),
        **_own(program, name, values, namespace="other"),
    }


MONITORING: Final[dict[str, Case]] = {
    "RuleEvaluationFailures": _platform(
        *("critical", 900, _own("prometheus", _RULES_FAIL, rising(0.01), rule_group="g")),
        {
            **_own("prometheus", _RULES_FAIL, constant(7), rule_group="g"),
            **_of_other_programs("prometheus", _RULES_FAIL, rising(1)),
        },
        begins=30,
    ),
    "MonitoringConfigurationRefused": _platform(
        *("warning", 600, _own("prometheus", f"prometheus_{_READ}", constant(0))),
        {
            one: values
            for program in ("prometheus", "alertmanager")
            for one, values in {
                **_own(program, f"{program}_{_READ}", constant(1)),
                **_of_other_programs(program, f"{program}_{_READ}", constant(0)),
            }.items()
        },
        others=(_own("alertmanager", f"alertmanager_{_READ}", constant(0)),),
    ),
    "AlertsNotSent": _platform(
        *("critical", 600, _own("prometheus", _NOT_TAKEN, rising(1), alertmanager="https://a")),
        {
            one: values
            for name in (_NOT_TAKEN, _NOT_QUEUED)
            for one, values in {
                **_own("prometheus", name, constant(7)),
                **_of_other_programs("prometheus", name, rising(1)),
            }.items()
        },
        others=(_own("prometheus", _NOT_QUEUED, rising(1)),),
        begins=30,
    ),
    "NotificationsFail": _platform(
        *(
            "critical",
            600,
            _own("alertmanager", _NOT_TOLD, rising(0.01), integration="slack", reason="other"),
        ),
        {
            **_own("alertmanager", _NOT_TOLD, constant(7), integration="slack", reason="other"),
            **_of_other_programs("alertmanager", _NOT_TOLD, rising(1)),
        },
        begins=30,
    ),
}
