"""Scrape targets, alert rules and dashboards of a platform that a program puts together itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, Final, cast, get_args

import pulumi

from ..base.arguments import arguments
from ..base.constraints import Form, shown
from ..base.forms import DNS_LABEL
from ..base.problems import Problem
from ..base.refusal import Refused, refuse
from ..kubernetes.gateway_metrics import EXPORTER as GATEWAY_PORT
from ..kubernetes.labels import selector
from ..mcp.era import has_sessions
from ..mcp.metrics import Exporter
from .rules import MonitoredServer, RuleOptions, rule_groups
from .rules.external_exporters import ExternalExporter
from .targets import ScrapeTarget

SDK: Final = "grafana_foundation_sdk"
ROUTE: Final = Form(
    name="path at the gateway",
    pattern="^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$",
    words="a path that begins with /",
    examples=("/servers/weather",),
    consequence="the dashboard would find no requests",
)
_WORKLOADS: Final = (
    "gateway",
    "engine",
    "nodes",
    "valkey",
    "egress",
    "logs",
    "log_forwarder",
    "traces",
    "trace_store",
)


def scrape_targets(
    watched: RuleOptions, namespace: pulumi.Input[str] | None = None
) -> list[ScrapeTarget]:
    """The pods of a platform whose metrics Prometheus reads: ``targets`` of its components.

    Args:
        watched: the parts of the platform; names are those of its workloads.
        namespace: of the pods; None: ``watched.namespace``. An output of the component that makes
            the namespace lets the targets wait for it.

    Returns:
        The servers that export metrics, the gateway, Valkey and the egress proxy.

    Raises:
        Refused: a part that no rule can watch, or the name of an alert that does not exist.
    """
    refuse(_every_problem(watched, "scrape_targets"))
    ports: dict[str | None, tuple[str, str]] = {
        **{name: ("metrics", "server") for name in watched.exporting},
        watched.gateway: (GATEWAY_PORT, "gateway"),
        watched.valkey: ("metrics", "valkey"),
        watched.egress: ("metrics", "egress"),
    }
    return [
        ScrapeTarget(
            name=name,
            namespace=watched.namespace if namespace is None else namespace,
            labels=selector(name),
            ports={port: program},
        )
        for name, (port, program) in ports.items()
        if name is not None
    ]


def alert_rules(watched: RuleOptions) -> str:
    """The recording rules and alerts of a platform: ``rules`` of its Prometheus.

    Args:
        watched: the parts of the platform; names are those of its workloads.

    Returns:
        A rule file of Prometheus in JSON.

    Raises:
        Refused: a part that no rule can watch, or the name of an alert that does not exist.
    """
    refuse(_every_problem(watched, "alert_rules"))
    return json.dumps({"groups": rule_groups(watched)}, indent=1)


def grafana_dashboards(
    watched: RuleOptions, paths: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The dashboards of a platform: ``dashboards`` of Grafana, and of GrafanaDashboards.

    Args:
        watched: the parts of the platform, as for ``alert_rules``.
        paths: of servers behind the gateway, such as ``/servers/weather``, by name; each gets a
            dashboard of its own.

    Returns:
        Grafana's JSON of each dashboard that has a panel, by name.

    Raises:
        Refused: as ``alert_rules``, or the package ``grafana-foundation-sdk`` is missing.
    """
    refuse(
        [
            *_every_problem(watched, "grafana_dashboards"),
            *_path_problems(paths),
            *_missing_package(),
        ]
    )
    from .dashboards import DashboardOptions, dashboard_texts

    return dashboard_texts(
        DashboardOptions(
            namespaces=watched.namespaces,
            exporters=_exporters(watched),
            servers=paths or {},
            named={one.name: one.named for one in watched.servers if one.named},
            availability=watched.objectives.availability_percent / 100,
        )
    )


def _exporters(watched: RuleOptions) -> frozenset[Exporter]:
    """The programs that export metrics, from what the rules watch."""
    dumps = watched.recovery_point_minutes is not None
    there: dict[Exporter, bool] = {
        "server": bool(watched.exporting),
        "gateway": watched.gateway is not None,
        "egress": watched.egress is not None,
        "audit": watched.audit,
        "audit_results": watched.audit and watched.audit_hours is not None,
        "ages": watched.database is not None,
        "sessions": any(has_sessions(one.era) for one in watched.exporting.values()),
        "tool_servers": watched.engine is not None,
        "backups": dumps,
        "volumes": bool(watched.volumes),
        "node": watched.nodes is not None,
        "postgres": watched.database == "postgres-exporter",
        "valkey": watched.valkey is not None,
        "traces": watched.traces is not None,
        "trace_store": watched.trace_store is not None,
        "log_forwarder": watched.log_forwarder is not None,
    }
    return frozenset(name for name, exports in there.items() if exports)


def _every_problem(watched: Any, at: str) -> list[Problem]:
    """What is wrong with the parts, and values of a wrong type, form or range."""
    found = list(_problems(watched, at))
    if isinstance(watched, RuleOptions):
        try:
            arguments(RuleOptions, watched, at=at)
        except Refused as refused:
            known = {one.path for one in found}
            found += [one for one in refused.problems if one.path not in known]
    return found


def _path_problems(paths: Any) -> Iterator[Problem]:
    at = "grafana_dashboards.paths"
    if paths is not None and not isinstance(paths, Mapping):
        yield Problem(
            at,
            f"is {shown(paths)}, not a mapping",
            "nothing says which path is that of which server",
            "write {name: path}, such as {'weather': '/servers/weather'}",
        )
        return
    given = cast("Mapping[Any, Any]", paths or {})
    for name, path in given.items():
        for found in (
            DNS_LABEL.problem(f"{at}[{name!r}]", name),
            ROUTE.problem(f"{at}.{name}", path),
        ):
            if found:
                yield found


def _problems(watched: Any, at: str) -> Iterator[Problem]:
    if not isinstance(watched, RuleOptions):
        yield Problem(
            at,
            f"is given {shown(watched)}, not RuleOptions",
            "nothing says what to watch",
            "write RuleOptions(namespace=..., servers=(MonitoredServer(name=...),), gateway=...)",
        )
        return
    names: list[tuple[str, Any]] = [
        *((f"further_namespaces[{n}]", one) for n, one in enumerate(watched.further_namespaces)),
        ("namespace", watched.namespace),
        *((f"agents[{n}]", one) for n, one in enumerate(watched.agents)),
        *((one, name) for one in _WORKLOADS if (name := getattr(watched, one)) is not None),
    ]
    given: tuple[Any, ...] = watched.servers
    for n, server in enumerate(given):
        if isinstance(server, MonitoredServer):
            names.append((f"servers[{n}].name", server.name))
        else:
            yield Problem(
                f"{at}.servers[{n}]",
                f"is {shown(server)}, not a MonitoredServer",
                "no rule can watch it",
                "write MonitoredServer(name=...)",
            )
    wrong = [found for path, one in names if (found := DNS_LABEL.problem(f"{at}.{path}", one))]
    yield from wrong
    yield from _unknown_names(watched, at)
    mistaken = list(_not_mappings(watched, at))
    yield from mistaken
    changed = watched.labels or watched.overrides
    if changed and not mistaken + wrong and all(isinstance(one, MonitoredServer) for one in given):
        from .rules.override_problems import label_problems, override_problems

        yield from label_problems(watched.labels, lambda *steps: ".".join((at, *steps)))
        yield from override_problems(watched, lambda *steps: ".".join((at, *steps)))


def _not_mappings(watched: Any, at: str) -> Iterator[Problem]:
    for field in ("labels", "overrides"):
        given = getattr(watched, field)
        if not isinstance(given, Mapping):
            yield Problem(
                f"{at}.{field}",
                f"is {shown(given)}, not a mapping",
                "nothing says what to change",
                f"write {field}={{...}}",
            )


def _unknown_names(watched: RuleOptions, at: str) -> Iterator[Problem]:
    from .rules.catalogue import every_alert

    exporters: list[str] = list(get_args(ExternalExporter))
    for field, written, known in (
        ("disabled", watched.disabled, [*every_alert()] if watched.disabled else []),
        ("exporters", watched.exporters, exporters),
    ):
        for name in sorted(() if isinstance(written, str) else map(str, written)):
            if name not in known:
                like = get_close_matches(name, known, 1)
                yield Problem(
                    f"{at}.{field}",
                    f"has {shown(name)}, which does not exist",
                    "it would have no effect",
                    f"write {like[0]}" if like else f"choose of {', '.join(known)}",
                )


def _missing_package() -> Iterator[Problem]:
    if find_spec(SDK) is None:
        yield Problem(
            "grafana_dashboards",
            "needs the package grafana-foundation-sdk, which is not installed",
            "no dashboard can be made",
            "pip install 'pulumi_qudag_mcp[dashboards]'",
        )
