"""Alerts from programs outside the platform: kube-state-metrics, KEDA, cert-manager, probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from .alert import Alert
from .external_exporters import ExternalExporter
from .options import RuleOptions


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those whose exporter the stack says is there."""
    for exporter, made in _OF.items():
        if exporter in options.exporters:
            yield from made(options)


def _of_kube_state_metrics(options: RuleOptions) -> Iterator[Alert]:
    within, limits = options.within, options.thresholds
    yield Alert(
        name="AutoscalerAtMaximum",
        severity="warning",
        team="platform",
        scope="cluster",
        expression=f"kube_horizontalpodautoscaler_status_desired_replicas{{{within}}} >="
        " on (namespace, horizontalpodautoscaler)"
        f" kube_horizontalpodautoscaler_spec_max_replicas{{{within}}}",
        duration="15m",
        summary="An autoscaler has as many pods as it may have",
        description="{{ $labels.horizontalpodautoscaler }} wants {{ $value }} pods or more, its "
        "largest number.",
        dashboard="overview",
    )
    used = f'kube_resourcequota{{{within},type="used"}}'
    hard = f'kube_resourcequota{{{within},type="hard"}}'
    yield Alert(
        name="QuotaNearlyUsed",
        severity="warning",
        team="platform",
        scope="cluster",
        # The label namespace of an alert is the platform's own.
        expression=f'label_replace({used} / ignoring (type) ({hard} > 0), "quota_namespace", "$1",'
        f' "namespace", "(.*)") > {limits.quota_percent / 100:g}',
        duration="15m",
        summary="A quota of a namespace is nearly used up",
        description="{{ $value | humanizePercentage }} of {{ $labels.resource }} in "
        "{{ $labels.quota_namespace }} is used: further pods are refused when it is full.",
        dashboard="overview",
    )
    yield Alert(
        name="PodCrashLooping",
        severity="critical",
        team="servers",
        scope="cluster",
        expression="max by (pod, container)"
        f' (kube_pod_container_status_waiting_reason{{{within},reason="CrashLoopBackOff"}}) >= 1',
        duration="5m",
        summary="A container ends again and again",
        description="The container {{ $labels.container }} of {{ $labels.pod }} waits for its next "
        "start after it ended.",
        dashboard="service",
    )


def _of_keda(options: RuleOptions) -> Iterator[Alert]:
    yield Alert(
        name="ScalerErrors",
        severity="warning",
        team="platform",
        scope="cluster",
        expression="sum by (scaledObject)"
        f" (rate(keda_scaler_errors_total{{{_exported_within(options)}}}[5m])) > 0",
        duration="10m",
        summary="KEDA cannot read the metric that it scales by",
        description="{{ $labels.scaledObject }} keeps its number of pods because its metric cannot "
        "be read.",
        dashboard="overview",
    )


def _exported_within(options: RuleOptions) -> str:
    """KEDA's own namespace is in ``namespace``, so Prometheus renames the label of the object."""
    return options.within.replace("namespace", "exported_namespace", 1)


def _of_cert_manager(options: RuleOptions) -> Iterator[Alert]:
    days = options.thresholds.certificate_days
    yield Alert(
        name="CertificateNotRenewed",
        severity="critical",
        team="security",
        scope="cluster",
        expression="(certmanager_certificate_expiration_timestamp_seconds"
        f"{{{_exported_within(options)}}} - time()) / 86400 < {days}",
        duration="1h",
        summary="A certificate of cert-manager expires soon",
        description='The Certificate {{ $labels.name }} expires in {{ $value | printf "%.0f" }} '
        "days: it should have been renewed.",
        dashboard="security",
    )


def _of_blackbox(options: RuleOptions) -> Iterator[Alert]:
    within, days = options.within, options.thresholds.certificate_days
    yield Alert(
        name="EndpointDown",
        severity="critical",
        team="platform",
        scope="platform",
        expression=f"probe_success{{{within}}} == 0",
        duration="2m",
        summary="A public address does not answer as it should",
        description="The probe of {{ $labels.instance }} fails.",
        dashboard="overview",
    )
    yield Alert(
        name="ProbesMissing",
        severity="warning",
        team="platform",
        scope="platform",
        expression=f"absent(probe_success{{{within}}})",
        duration="10m",
        summary="Nothing probes the public addresses",
        description="Prometheus has had no result of a probe for more than 10 minutes. Until it "
        "has, neither EndpointDown nor PublicCertificateExpires can fire.",
        dashboard="overview",
    )
    yield Alert(
        name="PublicCertificateExpires",
        severity="critical",
        team="security",
        scope="platform",
        expression=f"(probe_ssl_earliest_cert_expiry{{{within}}} - time()) / 86400 < {days}",
        duration="1h",
        summary="The public certificate expires soon",
        description="The certificate of {{ $labels.instance }} expires in "
        '{{ $value | printf "%.0f" }} days.',
        dashboard="security",
    )


_OF: Final[Mapping[ExternalExporter, Callable[[RuleOptions], Iterator[Alert]]]] = {
    "kube-state-metrics": _of_kube_state_metrics,
    "keda": _of_keda,
    "cert-manager": _of_cert_manager,
    "blackbox": _of_blackbox,
}
