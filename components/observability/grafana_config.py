"""Grafana's configuration: grafana.ini, its data sources, and where its dashboards are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ..mcp.secret_key import SecretKey
from ..mcp.server_config import INTERNAL_CA_PATH, INTERNAL_TLS_PATH
from . import grafana_sign_in
from .grafana_sign_in import GrafanaSignIn
from .prometheus_config import service_host
from .targets import ServiceTarget

PORT: Final = 3000
DATA: Final = "/var/lib/grafana"
PROVISIONING: Final = "/etc/grafana/provisioning"
"""The image sets both as environment variables, which no file overrides."""
CONFIG: Final = "/etc/grafana/config"
PAGES: Final = "/etc/grafana/dashboards"
"""Each dashboard is in a folder of its name."""
ADMIN: Final = "/etc/grafana/admin"
LOGIN: Final = "/etc/grafana/prometheus-login"
SIGN_IN: Final = "/etc/grafana/sign-in"
"""Folder in which each Secret for the sign-in has a folder of its name."""
FOLDER: Final = "MCP platform"
PASSWORD: Final = "password"  # noqa: S105 - a key
SECRET_KEY: Final = "secret-key"  # noqa: S105 - a key
UNUSED: Final = (
    *("elasticsearch", "grafana-postgresql-datasource", "grafana-pyroscope-datasource"),
    *("influxdb", "loki", "mssql", "mysql", "opentsdb", "stackdriver", "tempo", "zipkin"),
)
"""Data sources in the image of Grafana 13.2 that a platform has none of: each is a process."""
JAEGER: Final = "jaeger"


def grafana_ini(*, traces: bool, sign_in: GrafanaSignIn | None = None) -> str:
    """The content of grafana.ini.

    Args:
        traces: whether a Jaeger is a data source.
        sign_in: how people sign in; None: as ``admin``, with a password.
    """
    unused = UNUSED if traces else (*UNUSED, JAEGER)
    sections: Mapping[str, Mapping[str, str | int | bool]] = {
        "paths": {"data": DATA, "provisioning": PROVISIONING},
        "server": {
            "protocol": "https",
            "http_port": PORT,
            "cert_file": f"{INTERNAL_TLS_PATH}/tls.crt",
            "cert_key": f"{INTERNAL_TLS_PATH}/tls.key",
            "min_tls_version": "TLS1.2",
        },
        "security": {
            # It signs and encrypts; Grafana's default is the same everywhere.
            "secret_key": f"$__file{{{ADMIN}/{SECRET_KEY}}}",
            "cookie_secure": True,
            "disable_gravatar": True,
        },
        "users": {"allow_sign_up": False, "allow_org_create": False},
        "auth.anonymous": {"enabled": False},
        # What would connect to hosts outside, which no network policy lets it.
        "analytics": {
            "reporting_enabled": False,
            "check_for_updates": False,
            "check_for_plugin_updates": False,
            "feedback_links_enabled": False,
        },
        "news": {"news_feed_enabled": False},
        "plugins": {
            "preinstall_disabled": True,
            "plugin_admin_enabled": False,
            "public_key_retrieval_disabled": True,
            "disable_plugins": ",".join(unused),
        },
        # What would show a dashboard without a login.
        "snapshots": {"enabled": False, "external_enabled": False},
        "public_dashboards": {"enabled": False},
        # Prometheus evaluates the alerts; Grafana lists them.
        "unified_alerting": {"execute_alerts": False},
        "log": {"mode": "console"},
        "log.console": {"format": "json"},
    }
    added = _sign_in(sign_in) if sign_in else _ADMIN
    names = dict.fromkeys([*sections, *added])
    return "\n".join(
        _section(name, {**added.get(name, {}), **sections.get(name, {})}) for name in names
    )


_ADMIN: Final[Mapping[str, Mapping[str, str | bool]]] = {
    "security": {"admin_user": "admin", "admin_password": f"$__file{{{ADMIN}/{PASSWORD}}}"}
}
"""Without a sign-in: the user whom Grafana makes."""


def _sign_in(sign_in: GrafanaSignIn) -> Mapping[str, Mapping[str, str | bool]]:
    def file(key: SecretKey) -> str:
        return f"{SIGN_IN}/{key.secret}/{key.key}"

    ca = file(sign_in.ca) if sign_in.ca else None
    return grafana_sign_in.settings(sign_in, file(sign_in.client_secret), ca)


def _section(name: str, fields: Mapping[str, str | int | bool]) -> str:
    lines = [f"[{name}]", *(f"{key} = {_written(value)}" for key, value in fields.items()), ""]
    return "\n".join(lines)


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def data_sources(
    namespace: str, prometheus: ServiceTarget, traces: ServiceTarget | None, *, login: bool
) -> str:
    """The content of the file that provisions data sources, with references to files for secrets.

    Args:
        namespace: of Grafana and of both Services.
        prometheus: the default data source.
        traces: Service of a Jaeger; None: there is no data source of traces.
        login: whether Prometheus asks for the login in ``LOGIN``.
    """
    found = [_source("Prometheus", "prometheus", prometheus, namespace, default=True)]
    found[0]["jsonData"] |= {"httpMethod": "POST"}
    if login:
        found[0] |= {"basicAuth": True, "basicAuthUser": f"$__file{{{LOGIN}/username}}"}
        found[0]["secureJsonData"] |= {"basicAuthPassword": f"$__file{{{LOGIN}/password}}"}
    if traces:
        found.append(_source("Traces", JAEGER, traces, namespace, default=False))
        # From a point of a histogram to its trace.
        exemplar = {"name": "trace_id", "datasourceUid": traces.name}
        found[0]["jsonData"] |= {"exemplarTraceIdDestinations": [exemplar]}
    return json.dumps({"apiVersion": 1, "datasources": found}, indent=1) + "\n"


def _source(
    name: str, kind: str, service: ServiceTarget, namespace: str, *, default: bool
) -> dict[str, Any]:
    host = service_host(service.name, namespace)
    return {
        "name": name,
        "uid": service.name,
        "type": kind,
        "access": "proxy",
        "url": f"https://{host}:{service.port}",
        "isDefault": default,
        "editable": False,
        "jsonData": {"tlsAuthWithCACert": True, "serverName": host},
        "secureJsonData": {"tlsCACert": f"$__file{{{INTERNAL_CA_PATH}/ca.crt}}"},
    }


def dashboard_provider() -> str:
    """The content of the file that says where dashboards are."""
    provider = {
        "name": "qudag-mcp",
        "type": "file",
        "folder": FOLDER,
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": PAGES},
    }
    return json.dumps({"apiVersion": 1, "providers": [provider]}, indent=1) + "\n"
