"""The platform's own Grafana: its dashboards, and the Prometheus that it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS

from .config.stack import StackConfig
from .dashboards import dashboard_files
from .monitoring import GRAFANA, has_own_grafana, own_login
from .placement import placement
from .pod_settings import pod_settings
from .topologies.topology import Topology
from .trace_flows import TRACE_QUERY, TRACE_STORE, has_trace_store

if TYPE_CHECKING:
    from components.observability.grafana import GrafanaArgs


def grafana_args(
    config: StackConfig, topology: Topology, namespaces: Mapping[str, pulumi.Input[str]]
) -> GrafanaArgs | None:
    """The args of the Grafana; None if the stack has none."""
    if not has_own_grafana(config):
        return None
    from components.observability.grafana import GrafanaArgs
    from components.observability.targets import ServiceTarget

    return GrafanaArgs(
        namespace=namespaces[placement(config).of(GRAFANA)],
        image=config.images.grafana or VERSIONS["images"]["grafana"],
        dashboards=dashboard_files(config, topology),
        admin_secret=config.secrets.grafana,
        traces=(
            ServiceTarget(name=TRACE_STORE, port=TRACE_QUERY) if has_trace_store(config) else None
        ),
        tls_secret=config.secrets.internal_tls_of(GRAFANA),
        ca_secret=config.secrets.internal_ca,
        prometheus_login=own_login(config),
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, GRAFANA),
    )
