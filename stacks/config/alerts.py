"""Subsection `observability.alerts`: objectives, thresholds, and who is notified of an alert."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.base.arg_forms import EMAIL_ADDRESS
from components.base.constraints import Form
from components.observability.rules.alert import Team
from components.observability.rules.external_exporters import ExternalExporter
from components.observability.rules.overrides import DURATION, LABEL, LABEL_TEXT

from .alert_thresholds import Objectives, Thresholds
from .forms import DnsLabel, OneLine, WebUrl, constraint
from .pods import SecretKey
from .section import Section

CHANNEL: Final = Form(
    name="channel of Slack",
    pattern=r"^[#@][a-z0-9][a-z0-9._-]{0,78}$",
    words="# and the name of a channel, or @ and that of a person, in lower case",
    examples=("#mcp-production-alerts",),
    consequence="the message would be lost",
    longest=80,
)
SMARTHOST: Final = Form(
    name="mail server",
    pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*:[1-9][0-9]{0,4}$",
    words="the host of the mail server, a colon and its port",
    examples=("smtp.company.com:587",),
    consequence="the mail would not be sent",
)
ALERT_FORMS: Final = {
    form.pattern: form for form in (CHANNEL, EMAIL_ADDRESS, SMARTHOST, DURATION, LABEL, LABEL_TEXT)
}
"""By pattern, as a refusal names it."""

Severity = Literal["critical", "warning", "info"]


class Slack(Section):
    """A channel of Slack."""

    channel: Annotated[str, constraint(CHANNEL)] = Field(description="Where messages are written.")
    url: SecretKey = Field(description="Where the URL of the incoming webhook is.")


class Email(Section):
    """Mail, by a server that offers TLS."""

    to: Annotated[str, constraint(EMAIL_ADDRESS)] = Field(description="Address of the recipient.")
    sender: Annotated[str, constraint(EMAIL_ADDRESS)] = Field(description="Address of the sender.")
    smarthost: Annotated[str, constraint(SMARTHOST)] = Field(
        description="Host and port of the SMTP server, which must offer TLS."
    )
    username: OneLine | None = Field(
        default=None, description="User at the SMTP server; set with password."
    )
    password: SecretKey | None = Field(
        default=None, description="Where the password is; set with username."
    )


class PagerDuty(Section):
    """A service of PagerDuty."""

    key: SecretKey = Field(description="Where its integration key (Events API v2) is.")


class Webhook(Section):
    """A program that takes alerts by HTTP."""

    url: SecretKey = Field(description="Where its URL is.")


class AlertReceiver(Section):
    """A receiver of alerts: one of slack, email, pagerduty and webhook."""

    name: DnsLabel = Field(description="Its name, as Alertmanager shows it.")
    slack: Slack | None = Field(default=None, description="A channel of Slack.")
    email: Email | None = Field(default=None, description="An e-mail address.")
    pagerduty: PagerDuty | None = Field(default=None, description="A service of PagerDuty.")
    webhook: Webhook | None = Field(
        default=None, description="A URL of yours, to which Alertmanager posts alerts."
    )
    severities: list[Severity] = Field(
        default=["critical", "warning"],
        min_length=1,
        description="Severities of the alerts that it gets.",
    )
    teams: list[Team] = Field(
        default=[], description="Teams whose alerts it gets; empty: all teams."
    )


class DeadMansSwitch(Section):
    """A service that tells someone when alerts stop arriving."""

    url: SecretKey = Field(description="Where the URL is that is called.")
    minutes: int = Field(default=5, ge=1, le=60, description="Time between two calls.")


class AlertOverride(Section):
    """What differs in one alert."""

    duration: Annotated[str, constraint(DURATION)] | None = Field(
        default=None,
        alias="for",
        description="How long the condition must hold before the alert fires; at most 7d.",
    )
    severity: Severity | None = Field(default=None, description="How urgent it is.")


class Alerts(Section):
    """When an alert fires, and who is notified."""

    objectives: Objectives = Field(default_factory=Objectives)
    thresholds: Thresholds = Field(default_factory=Thresholds)
    disabled: list[str] = Field(
        default=[], max_length=100, description="Names of alerts that are left out."
    )
    overrides: dict[str, AlertOverride] = Field(
        default={},
        description="Durations and severities that differ from those in the list of alerts, by "
        "the name of the alert.",
    )
    labels: dict[Annotated[str, constraint(LABEL)], Annotated[str, constraint(LABEL_TEXT)]] = Field(
        default={},
        description="Further labels of every alert, by which your own Alertmanager routes them.",
    )
    exporters: list[ExternalExporter] = Field(
        default=[],
        description="Programs outside the platform whose metrics your Prometheus has: the alerts "
        "on them are added.",
    )
    receivers: list[AlertReceiver] = Field(
        default=[],
        max_length=50,
        description="Who is notified. Each gets every alert of its severities and teams; empty: "
        "the routes of your own Alertmanager decide.",
    )
    dead_mans_switch: DeadMansSwitch | None = Field(
        default=None,
        description="A URL that is called as long as alerts work; absent: no call, and nobody "
        "is notified when they stop.",
    )
    runbooks: WebUrl | None = Field(
        default=None,
        description="Folder with a page for each alert, such as mcp-server-down.md; absent: "
        "messages have the command that prints the page from the ConfigMap runbooks, or without "
        "that its path in the repository.",
    )
    runbooks_in_cluster: bool = Field(
        default=True,
        description="Deploy the pages of the stack's alerts as the ConfigMap runbooks, in the "
        "namespace of the rules.",
    )
    grafana: WebUrl | None = Field(
        default=None, description="Grafana with the dashboards; absent: links are paths."
    )
