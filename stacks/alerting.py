"""The receivers of alerts of a stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.mcp.secret_key import SecretKey

from .config.pods import SecretKey as Written
from .config.stack import StackConfig

if TYPE_CHECKING:
    from components.observability.alert_routes import Alerting, Channel

    from .config.alerts import AlertReceiver


def alerting(config: StackConfig) -> Alerting | None:
    """The receivers and the dead man's switch; None if there are neither."""
    from components.observability.alert_routes import Alerting, Receiver

    alerts = config.observability.alerts
    switch = alerts.dead_mans_switch
    if not alerts.receivers and switch is None:
        return None
    receivers = [
        Receiver(name=one.name, channel=_channel(one), severities=one.severities, teams=one.teams)
        for one in alerts.receivers
    ]
    if switch is None:
        return Alerting(receivers=receivers)
    return Alerting(
        receivers=receivers, dead_mans_switch=_key(switch.url), switch_minutes=switch.minutes
    )


def routes_text(config: StackConfig) -> str:
    """The spec of an AlertmanagerConfig in JSON; empty if there are no receivers."""
    from components.observability.alertmanager import alertmanager_config_spec

    found = alerting(config)
    return json.dumps(alertmanager_config_spec(found), indent=1) if found else ""


def alert_keys(config: StackConfig) -> Iterator[Written]:
    """The keys of Secrets with credentials or URLs of receivers and of the dead man's switch."""
    alerts = config.observability.alerts
    for one in alerts.receivers:
        secrets = (
            one.slack.url if one.slack else None,
            one.email.password if one.email else None,
            one.pagerduty.key if one.pagerduty else None,
            one.webhook.url if one.webhook else None,
        )
        yield from filter(None, secrets)
    if alerts.dead_mans_switch:
        yield alerts.dead_mans_switch.url


def _key(written: Written) -> SecretKey:
    return SecretKey(secret=written.secret, key=written.key)


def _channel(one: AlertReceiver) -> Channel:
    """The channel of a receiver; the rules refuse a receiver with none or with several."""
    from components.observability.alert_routes import Email, PagerDuty, Slack, Webhook

    if one.slack:
        return Slack(channel=one.slack.channel, url=_key(one.slack.url))
    if one.pagerduty:
        return PagerDuty(key=_key(one.pagerduty.key))
    if one.email:
        password = one.email.password
        return Email(
            to=one.email.to,
            sender=one.email.sender,
            smarthost=one.email.smarthost,
            username=one.email.username,
            password=_key(password) if password else None,
        )
    assert one.webhook is not None
    return Webhook(url=_key(one.webhook.url))
