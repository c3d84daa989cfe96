"""Where alerts go: receivers, and the routes and inhibition that follow.

Addresses that are secrets are in Secrets of the cluster; nothing here has their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..mcp.secret_key import SecretKey
from .rules.alert import Severity, Team

NO_RECEIVER: Final = "nobody"
"""Receiver of alerts that only dashboards show."""
DEAD_MANS_SWITCH: Final = "dead-mans-switch"
WATCHDOG: Final = "Watchdog"
REPEAT_INTERVALS: Final[Mapping[Severity, str]] = {"critical": "1h", "warning": "12h"}
"""How often an alert that still fires is sent again."""


@dataclass(frozen=True, kw_only=True)
class Slack:
    """A channel of Slack; ``url`` is the key with the URL of its incoming webhook."""

    channel: str
    url: SecretKey


@dataclass(frozen=True, kw_only=True)
class Email:
    """Mail by a server that offers TLS; ``smarthost`` is ``host:port``."""

    to: str
    sender: str
    smarthost: str
    username: str | None = None
    password: SecretKey | None = None


@dataclass(frozen=True, kw_only=True)
class PagerDuty:
    """A service of PagerDuty; ``key`` is the key with its integration key (Events API v2)."""

    key: SecretKey


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A program that takes alerts by HTTP; ``url`` is the key with its URL."""

    url: SecretKey


Channel = Slack | Email | PagerDuty | Webhook


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Who is notified of which alerts.

    Attributes:
        name: its name.
        channel: how.
        severities: of the alerts that it gets.
        teams: whose alerts it gets; empty: of every team.
    """

    name: str
    channel: Channel
    severities: Sequence[Severity] = ("critical", "warning")
    teams: Sequence[Team] = ()


@dataclass(frozen=True, kw_only=True)
class Alerting:
    """Where the alerts of a platform go.

    Attributes:
        receivers: each gets every alert of its severities and teams.
        dead_mans_switch: key with the URL of a service that tells someone when it is not called;
            None: none.
        switch_minutes: time between two of these calls.
    """

    receivers: Sequence[Receiver]
    dead_mans_switch: SecretKey | None = None
    switch_minutes: int = 5

    @property
    def secrets(self) -> list[SecretKey]:
        """Every key of a Secret that Alertmanager reads."""
        found = [_secret(one.channel) for one in self.receivers]
        return [key for key in (*found, self.dead_mans_switch) if key is not None]


def _secret(channel: Channel) -> SecretKey | None:
    match channel:
        case Slack() | Webhook():
            return channel.url
        case PagerDuty():
            return channel.key
        case Email():
            return channel.password


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """A condition on a label of an alert."""

    label: str
    value: str
    how: str = "="

    @classmethod
    def one_of(cls, label: str, values: Sequence[str]) -> Matcher:
        """That the label has one of the values."""
        if len(values) == 1:
            return cls(label=label, value=values[0])
        return cls(label=label, value="|".join(values), how="=~")


@dataclass(frozen=True, kw_only=True)
class Inhibition:
    """Alerts that are muted while another one fires about the same thing.

    Attributes:
        source: the alert that fires.
        target: those that are muted.
        equal: labels that both must have with equal values.
    """

    source: Sequence[Matcher]
    target: Sequence[Matcher]
    equal: Sequence[str]


def _alert(*names: str) -> Matcher:
    return Matcher.one_of("alertname", names)


def _budget(name: str) -> Inhibition:
    return Inhibition(
        source=[_alert(f"{name}BurnsFast")],
        target=[_alert(f"{name}BurnsSlowly")],
        equal=["namespace", "scope", "route", "job"],
    )


INHIBITIONS: Final = (
    # While the gateway is down, alerts about its servers and objectives say nothing new.
    Inhibition(
        source=[_alert("PlatformDown")],
        target=[Matcher(label="scope", value="server")],
        equal=["namespace"],
    ),
    Inhibition(
        source=[_alert("PlatformDown")],
        target=[
            Matcher(label="alertname", value="GatewayPodDown|EndpointDown|.*Budget.*", how="=~")
        ],
        equal=["namespace"],
    ),
    # While no pod of a server answers, alerts about its pods say nothing new.
    Inhibition(
        source=[_alert("ServiceUnavailable")],
        target=[
            _alert("MCPServerDown", "MCPServiceDown", "DependencyDown", "HighErrorRate"),
        ],
        equal=["namespace", "job"],
    ),
    Inhibition(
        source=[_alert("DatabaseDown")],
        target=[_alert("DependencyDown"), Matcher(label="dependency", value="database")],
        equal=["namespace"],
    ),
    Inhibition(
        source=[_alert("ValkeyDown")],
        target=[
            _alert("DependencyDown"),
            Matcher.one_of("dependency", ("redis", "sessions")),
        ],
        equal=["namespace"],
    ),
    _budget("AvailabilityBudget"),
    _budget("LatencyBudget"),
)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which alerts go to a receiver.

    Attributes:
        receiver: its name.
        matchers: conditions on the alerts.
        repeat: time after which an alert that still fires is sent again.
        wait: time for which further alerts of a group are waited for.
        interval: least time between two messages about a group.
        continues: whether the routes below are tried too.
    """

    receiver: str
    matchers: Sequence[Matcher]
    repeat: str
    wait: str = "30s"
    interval: str = "5m"
    continues: bool = False


def routes(alerting: Alerting) -> Iterator[Route]:
    """The routes, in their order; an alert that none takes goes to nobody."""
    if alerting.dead_mans_switch is not None:
        yield Route(
            receiver=DEAD_MANS_SWITCH,
            matchers=[_alert(WATCHDOG)],
            repeat=f"{alerting.switch_minutes}m",
            wait="0s",
            interval="1m",
        )
    for receiver in alerting.receivers:
        teams = [Matcher.one_of("team", receiver.teams)] if receiver.teams else []
        for severity in receiver.severities:
            yield Route(
                receiver=receiver.name,
                matchers=[Matcher(label="severity", value=severity), *teams],
                repeat=REPEAT_INTERVALS.get(severity, "24h"),
                continues=True,
            )
