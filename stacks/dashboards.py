"""The dashboards of a stack: which of its programs export metrics, and its servers' paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pulumi

from components.kubernetes.routes import server_path
from components.mcp.era import has_sessions

from .backup import backs_up_database, recorded_volumes
from .config.stack import StackConfig
from .gateway_metrics import has_exporter
from .rule_options import rule_options
from .topologies.topology import POSTGRES, VALKEY, ServerService, Topology
from .user_server_args import tool_servers
from .valkey import exporters

if TYPE_CHECKING:
    from components.mcp.metrics import Exporter
    from components.observability.dashboards import DashboardOptions

DASHBOARDS: Final = "dashboards"


def exporting_programs(config: StackConfig, topology: Topology) -> frozenset[Exporter]:
    """The programs of a stack that export metrics."""
    stores, rules = exporters(config, topology), rule_options(config, topology)
    servers = [one for one in topology.services if isinstance(one, ServerService)]
    keeps_rows = POSTGRES in topology.data
    there: dict[Exporter, bool] = {
        "server": bool(servers) or any(one.exports for one in rules.servers),
        "egress": rules.egress is not None,
        "workers": any((one.workers or 1) > 1 for one in servers),
        "gateway": has_exporter(config) and config.scraper is not None,
        "audit": config.audit.enabled and keeps_rows,
        "audit_results": config.audit.enabled and keeps_rows,
        "ages": keeps_rows,
        "sessions": has_sessions(config.protocol.era)
        and not topology.uses(topology.front.upstream, VALKEY),
        "tool_servers": any(topology.tool_servers(one.name) for one in servers)
        or bool(tool_servers(config)),
        "backups": backs_up_database(config, topology),
        "volumes": bool(recorded_volumes(config, topology)),
        "node": rules.nodes is not None,
        "postgres": POSTGRES in stores,
        "valkey": VALKEY in stores,
        "traces": rules.traces is not None,
        "trace_store": rules.trace_store is not None,
        "prometheus": rules.monitoring is not None,
        "alertmanager": rules.alertmanager,
        "log_forwarder": rules.log_forwarder is not None,
    }
    return frozenset(name for name, exports in there.items() if exports)


def deploy_dashboards(
    config: StackConfig,
    topology: Topology,
    namespaces: Mapping[str, pulumi.Input[str]],
    options: pulumi.ResourceOptions,
) -> None:
    """Registers the dashboards; nothing without ``observability.dashboards``."""
    section = config.observability.dashboards
    if section is None:
        return
    from components.observability.grafana_dashboards import GrafanaDashboards, GrafanaDashboardsArgs

    args = GrafanaDashboardsArgs(
        namespace=namespaces[config.namespace],
        dashboards=dashboard_files(config, topology),
        labels=section.labels,
        folder=config.namespace,
    )
    GrafanaDashboards(DASHBOARDS, args, opts=options)


def dashboard_files(config: StackConfig, topology: Topology) -> dict[str, str]:
    """The JSON of each dashboard, by its name."""
    from components.observability.dashboards import dashboard_texts

    return dashboard_texts(dashboard_options(config, topology))


def dashboard_names(config: StackConfig, topology: Topology) -> list[str]:
    """The names of the dashboards that the stack deploys; none without the section."""
    if config.observability.dashboards is None:
        return []
    from components.observability.dashboards.pages import pages

    return [page.name for page in pages(dashboard_options(config, topology))]


def dashboard_options(config: StackConfig, topology: Topology) -> DashboardOptions:
    """What the dashboards of a stack show."""
    from components.observability.dashboards import DashboardOptions

    rules = rule_options(config, topology)
    return DashboardOptions(
        namespaces=rules.namespaces,
        exporters=exporting_programs(config, topology),
        servers={
            name: server_path(name, server.path_prefix)
            for name, server in config.exposed_servers.items()
        },
        named={one.name: one.named for one in rules.servers if one.named},
        availability=rules.objectives.availability_percent / 100,
    )
