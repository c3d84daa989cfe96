"""Alerts and recording rules, as Prometheus reads them from a file or a PrometheusRule."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from .targets import NAMESPACE

Severity = Literal["critical", "warning", "info", "none"]
"""critical: pages somebody. warning: in working hours. info: shown on a dashboard, sent to nobody.
none: the alert that always fires."""
Team = Literal["platform", "servers", "data", "security"]
TEAMS: Final[tuple[Team, ...]] = get_args(Team)
Scope = Literal["platform", "server", "store", "cluster"]
"""What is broken. While the platform is, alerts about its servers are muted."""
Dashboard = Literal["overview", "service", "infrastructure", "security", "orchestration", "qudag"]
"""Which of the dashboards of ``components/observability/dashboards`` shows more."""
LONGEST_UID: Final = 40
"""Of a uid in Grafana, in characters."""
CONFIG_MAP: Final = "runbooks"
"""Name of the ConfigMap with the runbooks."""

_ALERT: Final = re.compile(r"[A-Z][A-Za-z]+")
_DURATION: Final = re.compile(r"[0-9]+[smhd]")
_RECORDED: Final = re.compile(r"[a-z_]+:[a-z_]+:[a-z0-9_]+")
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A condition that a person must know of.

    Attributes:
        name: in CamelCase; the same in every stack.
        severity: how soon.
        team: whose it is.
        scope: what is broken.
        expression: PromQL; each of its series is one alert.
        duration: how long the expression must have a value.
        summary: what has happened, in a line.
        description: what was measured, in sentences; a template of Prometheus.
        dashboard: where to look further.
        source: the source document that has it, such as ``S2``.
    """

    name: str
    severity: Severity
    team: Team
    scope: Scope
    expression: str
    duration: str
    summary: str
    description: str
    dashboard: Dashboard
    source: str | None = None

    def __post_init__(self) -> None:
        """Refuse what Prometheus or a link to the runbook would not accept."""
        if not _ALERT.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of an alert in CamelCase")
        if not _DURATION.fullmatch(self.duration):
            raise ValueError(f"{self.name}: {self.duration!r} is no duration, such as 5m")
        for field in ("expression", "summary", "description"):
            if not getattr(self, field).strip():
                raise ValueError(f"{self.name}: {field} is empty")

    @property
    def page(self) -> str:
        """Its runbook in docs/runbooks, without the ending."""
        return page_of(self.name)

    def rule(
        self,
        *,
        namespaces: Sequence[str],
        runbooks: str,
        grafana: str,
        runbooks_namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """As Prometheus reads it.

        Args:
            namespaces: of the platform, its own first. Alerts about pods in the others have its
                own as well: an AlertmanagerConfig is given the alerts of its own namespace only.
                The dashboard shows all of them.
            runbooks: URL of the folder with the runbooks, for the annotation ``runbook_url``; or
                its path in the repository, for ``runbook_page``.
            grafana: URL of Grafana; empty: links are paths.
            runbooks_namespace: of the ConfigMap with the runbooks; None: there is none.
            labels: further ones.
        """
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.duration,
            "labels": {
                "severity": self.severity,
                "team": self.team,
                "scope": self.scope,
                NAMESPACE: namespaces[0],
                **(labels or {}),
            },
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                # A path in the repository is no URL that a message could link to.
                ("runbook_url" if "://" in runbooks else "runbook_page"): (
                    f"{runbooks}/{self.page}.md"
                ),
                **(
                    {"runbook_command": runbook_command(runbooks_namespace, self.name)}
                    if runbooks_namespace
                    else {}
                ),
                "dashboard_url": f"{grafana}/d/{uid_of(namespaces[0], self.dashboard)}?"
                + "&".join(f"var-namespace={one}" for one in namespaces),
            },
        }


@dataclass(frozen=True, kw_only=True)
class RecordingRule:
    """A series that other rules and dashboards read.

    It has the label ``namespace``, of the platform, as its alerts have: a Prometheus may evaluate
    the rules of several platforms, whose servers have the same names.

    Attributes:
        name: ``level:metric:operation``; or a name that a source document gives to a metric.
        expression: PromQL.
        labels: added to the series.
        source: the source document that names it.
    """

    name: str
    expression: str
    labels: tuple[tuple[str, str], ...] = ()
    source: str | None = None

    def __post_init__(self) -> None:
        """Refuse a name that says neither its level nor its source."""
        if self.source is None and not _RECORDED.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not level:metric:operation")

    def rule(self, namespace: str) -> dict[str, Any]:
        """As Prometheus reads it, for the platform of a namespace."""
        labels = {NAMESPACE: namespace, **dict(self.labels)}
        return {"record": self.name, "expr": self.expression, "labels": labels}


def page_of(alert: str) -> str:
    """The runbook of an alert: ``MCPServerDown`` is in ``mcp-server-down``."""
    return _WORD_BEGINS.sub("-", alert).lower()


def runbook_command(namespace: str, alert: str) -> str:
    """Prints the runbook of an alert from the ConfigMap in the namespace."""
    return f"kubectl -n {namespace} get configmap {CONFIG_MAP} --output=jsonpath={{.data.{alert}}}"


def uid_of(namespace: str, dashboard: str) -> str:
    """The uid of a platform's dashboard, of which a Grafana may have those of several platforms.

    Grafana takes 40 characters; a longer uid is shortened and ends with its hash.

    Args:
        namespace: the platform's own; ``_`` after it is in no name of a namespace.
        dashboard: its name, such as ``overview``.
    """
    whole = f"{namespace}_{dashboard}"
    if len(whole) <= LONGEST_UID:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: LONGEST_UID - len(digest) - 1]}-{digest}"
