"""The args of what collectors send to: a store of the platform's own, or a sink outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi

from components.mcp.secret_key import SecretKey

from .config.logs import LogStore
from .config.otlp_sink import OtlpSink
from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .config.traces import TraceStore
from .placement import placement
from .pod_settings import pod_settings

if TYPE_CHECKING:
    from components.observability.otlp_sink import OtlpSink as Sink


def own_sink(config: StackConfig, workload: str, port: int) -> Sink:
    """A workload of the platform, whose certificate its own CA signs."""
    from components.observability.otlp_sink import OtlpSink as Sink

    ca = SecretKey(secret=config.secrets.internal_ca, key="ca.crt")
    return Sink(url=f"https://{service_host(config, workload)}:{port}", ca=ca)


def external_sink(sink: OtlpSink) -> Sink:
    """The sink that the configuration names."""
    from components.observability.otlp_sink import OtlpSink as Sink

    return Sink(
        url=sink.url,
        token=key_of(sink.token),
        header=sink.header,
        scheme=sink.scheme,
        ca=key_of(sink.ca),
    )


def own_store(
    config: StackConfig,
    workload: str,
    section: LogStore | TraceStore,
    namespaces: Mapping[str, pulumi.Input[str]],
) -> dict[str, Any]:
    """The args that the stores of log lines and of traces have in common, but for the image."""
    return {
        "namespace": namespaces[placement(config).of(workload)],
        "tls_secret": config.secrets.internal_tls_of(workload),
        "retention_days": section.retention_days,
        "size": section.size,
        "storage_class": config.data.storage_class,
        "protect": config.data.protect,
        "ip_families": config.kubernetes.ip_families,
        "pods": pod_settings(config, workload),
    }


def service_host(config: StackConfig, workload: str) -> str:
    """The name of a workload's Service, for which its certificate is."""
    return f"{workload}-service.{placement(config).of(workload)}.svc"


def key_of(written: Written | None) -> SecretKey | None:
    """A key as components take it."""
    return written and SecretKey(secret=written.secret, key=written.key)
