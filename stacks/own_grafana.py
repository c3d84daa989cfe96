"""The platform's own Grafana: its dashboards, and the Prometheus that it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS
from components.kubernetes.pod_settings import SecretKey

from .config.grafana import GrafanaSignIn as Written
from .config.stack import StackConfig
from .dashboards import dashboard_files
from .monitoring import GRAFANA, has_own_grafana, own_login, own_sign_in
from .placement import placement
from .pod_settings import pod_settings
from .topologies.topology import Topology
from .trace_flows import TRACE_QUERY, TRACE_STORE, has_trace_store

if TYPE_CHECKING:
    from components.observability.grafana import GrafanaArgs
    from components.observability.grafana_sign_in import GrafanaSignIn


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
        sign_in=_sign_in(own_sign_in(config)),
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, GRAFANA),
    )


def _sign_in(written: Written | None) -> GrafanaSignIn | None:
    if written is None:
        return None
    from components.observability.grafana_sign_in import GrafanaRoles, GrafanaSignIn

    roles, secret, ca = written.roles, written.client_secret, written.ca
    return GrafanaSignIn(
        authorization_url=written.authorization_url,
        token_url=written.token_url,
        user_info_url=written.user_info_url,
        client_id=written.client_id,
        client_secret=SecretKey(secret=secret.secret, key=secret.key),
        roles=GrafanaRoles(
            claim=roles.claim, admins=roles.admins, editors=roles.editors, viewers=roles.viewers
        ),
        url=written.url,
        scopes=written.scopes,
        ca=SecretKey(secret=ca.secret, key=ca.key) if ca else None,
    )
