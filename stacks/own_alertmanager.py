"""The platform's own Alertmanager: its configuration file, and the Secrets of its receivers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS

from .alerting import alerting
from .config.observability import OwnAlertmanager
from .config.stack import StackConfig
from .egress import outside_ends, proxy_url
from .monitoring import ALERTMANAGER, has_own_alertmanager
from .placement import placement
from .pod_settings import pod_settings

if TYPE_CHECKING:
    from components.observability.alertmanager_workload import AlertmanagerArgs


def alertmanager_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> AlertmanagerArgs | None:
    """The args of the Alertmanager; None if the stack has none."""
    routes = alerting(config) if has_own_alertmanager(config) else None
    if routes is None:
        return None
    from components.observability.alertmanager import alertmanager_config
    from components.observability.alertmanager_workload import SECRETS, AlertmanagerArgs

    section = config.observability.standalone
    own = (section.alertmanager if section else None) or OwnAlertmanager()
    networks = [one.rpartition(":")[0] for one in outside_ends(config)[ALERTMANAGER].networks]
    file = alertmanager_config(
        routes,
        secrets=SECRETS,
        proxy=proxy_url(config, ALERTMANAGER),
        direct=list(dict.fromkeys(networks)),
    )
    return AlertmanagerArgs(
        namespace=namespaces[placement(config).of(ALERTMANAGER)],
        image=config.images.alertmanager or VERSIONS["images"]["alertmanager"],
        config=json.dumps(file, indent=1) + "\n",
        secrets=routes.secrets,
        tls_secret=config.secrets.internal_tls_of(ALERTMANAGER),
        size=own.size,
        storage_class=config.data.storage_class,
        protect=config.data.protect,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, ALERTMANAGER),
    )
