"""The routes of a platform as Alertmanager's file, and as an AlertmanagerConfig of an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..mcp.secret_key import SecretKey
from .alert_routes import (
    DEAD_MANS_SWITCH,
    INHIBITIONS,
    NO_RECEIVER,
    Alerting,
    Channel,
    Email,
    Matcher,
    PagerDuty,
    Slack,
    Webhook,
    routes,
)

GROUPED_BY: Final = ("alertname", "namespace", "job")
TITLE: Final = (
    "[{{ .Status | toUpper }}] {{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}"
)
TEXT: Final = (
    "{{ range .Alerts }}{{ .Annotations.summary }}: {{ .Annotations.description }}\n"
    "Runbook: {{ if .Annotations.runbook_url }}{{ .Annotations.runbook_url }}"
    "{{ else if .Annotations.runbook_command }}{{ .Annotations.runbook_command }}"
    "{{ else }}{{ .Annotations.runbook_page }}{{ end }}\n"
    "Dashboard: {{ .Annotations.dashboard_url }}\n{{ end }}"
)
"""Of messages: the runbook by its URL, else the command that prints it, else its path."""


def alertmanager_config(
    alerting: Alerting, *, secrets: str, proxy: str | None = None, direct: Sequence[str] = ()
) -> dict[str, Any]:
    """The configuration file of an Alertmanager.

    Args:
        alerting: where alerts go.
        secrets: folder in which each Secret is mounted in a folder of its name.
        proxy: URL of the HTTP proxy by which receivers are reached; None: directly. Mail does not
            use it.
        direct: networks whose addresses are reached directly all the same.
    """
    client = {"proxy_url": proxy, **({"no_proxy": ",".join(direct)} if direct else {})}

    def file(key: SecretKey) -> str:
        return f"{secrets}/{key.secret}/{key.key}"

    switch = alerting.dead_mans_switch
    switches = (
        [{"name": DEAD_MANS_SWITCH, "webhook_configs": [_webhook_in_file(file(switch), False)]}]
        if switch
        else []
    )
    return {
        **({"global": {"http_config": client}} if proxy else {}),
        "route": {
            "receiver": NO_RECEIVER,
            "group_by": list(GROUPED_BY),
            "routes": [
                {
                    "receiver": route.receiver,
                    "matchers": [_written(one) for one in route.matchers],
                    "group_wait": route.wait,
                    "group_interval": route.interval,
                    "repeat_interval": route.repeat,
                    "continue": route.continues,
                }
                for route in routes(alerting)
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [_written(one) for one in rule.source],
                "target_matchers": [_written(one) for one in rule.target],
                "equal": list(rule.equal),
            }
            for rule in INHIBITIONS
        ],
        "receivers": [
            {"name": NO_RECEIVER},
            *switches,
            *({"name": one.name, **_in_file(one.channel, file)} for one in alerting.receivers),
        ],
    }


def _written(matcher: Matcher) -> str:
    return f'{matcher.label}{matcher.how}"{matcher.value}"'


def _webhook_in_file(file: str, resolved: bool) -> dict[str, Any]:
    return {"url_file": file, "send_resolved": resolved}


def _in_file(channel: Channel, file: Callable[[SecretKey], str]) -> dict[str, Any]:
    """A receiver without its name, which reads its secrets from files."""
    match channel:
        case Slack():
            said = {"channel": channel.channel, "title": TITLE, "text": TEXT}
            return {
                "slack_configs": [
                    {"api_url_file": file(channel.url), "send_resolved": True, **said}
                ]
            }
        case Webhook():
            return {"webhook_configs": [_webhook_in_file(file(channel.url), True)]}
        case PagerDuty():
            said = {"description": TITLE, "severity": "{{ .CommonLabels.severity }}"}
            return {
                "pagerduty_configs": [
                    {"routing_key_file": file(channel.key), "send_resolved": True, **said}
                ]
            }
        case Email():
            login = {
                **({"auth_username": channel.username} if channel.username else {}),
                **({"auth_password_file": file(channel.password)} if channel.password else {}),
            }
            return {
                "email_configs": [
                    {
                        "to": channel.to,
                        "from": channel.sender,
                        "smarthost": channel.smarthost,
                        "require_tls": True,
                        "send_resolved": True,
                        "headers": {"Subject": TITLE},
                        "text": TEXT,
                        **login,
                    }
                ]
            }


def alertmanager_config_spec(alerting: Alerting) -> dict[str, Any]:
    """The spec of an AlertmanagerConfig (monitoring.coreos.com/v1alpha1).

    The operator adds the namespace of the object to each matcher, so that it gets the alerts of
    its platform only. v1beta1 needs a conversion webhook that its usual bundle does not install.
    """
    switch = alerting.dead_mans_switch
    switches = (
        [{"name": DEAD_MANS_SWITCH, "webhookConfigs": [_webhook_by_key(switch, False)]}]
        if switch
        else []
    )
    return {
        "route": {
            "receiver": NO_RECEIVER,
            "groupBy": list(GROUPED_BY),
            "routes": [
                {
                    "receiver": route.receiver,
                    "matchers": [_as_object(one) for one in route.matchers],
                    "groupWait": route.wait,
                    "groupInterval": route.interval,
                    "repeatInterval": route.repeat,
                    "continue": route.continues,
                }
                for route in routes(alerting)
            ],
        },
        "inhibitRules": [
            {
                "sourceMatch": [_as_object(one) for one in rule.source],
                "targetMatch": [_as_object(one) for one in rule.target],
                "equal": list(rule.equal),
            }
            for rule in INHIBITIONS
        ],
        "receivers": [
            {"name": NO_RECEIVER},
            *switches,
            *({"name": one.name, **_by_key(one.channel)} for one in alerting.receivers),
        ],
    }


def _as_object(matcher: Matcher) -> dict[str, str]:
    return {"name": matcher.label, "value": matcher.value, "matchType": matcher.how}


def _key(key: SecretKey) -> dict[str, str]:
    return {"name": key.secret, "key": key.key}


def _webhook_by_key(key: SecretKey, resolved: bool) -> dict[str, Any]:
    return {"urlSecret": _key(key), "sendResolved": resolved}


def _by_key(channel: Channel) -> dict[str, Any]:
    """A receiver without its name, whose secrets the operator reads."""
    match channel:
        case Slack():
            said = {"channel": channel.channel, "title": TITLE, "text": TEXT}
            return {"slackConfigs": [{"apiURL": _key(channel.url), "sendResolved": True, **said}]}
        case Webhook():
            return {"webhookConfigs": [_webhook_by_key(channel.url, True)]}
        case PagerDuty():
            said = {"description": TITLE, "severity": "{{ .CommonLabels.severity }}"}
            return {
                "pagerdutyConfigs": [
                    {"routingKey": _key(channel.key), "sendResolved": True, **said}
                ]
            }
        case Email():
            login = {
                **({"authUsername": channel.username} if channel.username else {}),
                **({"authPassword": _key(channel.password)} if channel.password else {}),
            }
            return {
                "emailConfigs": [
                    {
                        "to": channel.to,
                        "from": channel.sender,
                        "smarthost": channel.smarthost,
                        "requireTLS": True,
                        "sendResolved": True,
                        "headers": [{"key": "Subject", "value": TITLE}],
                        "text": TEXT,
                        **login,
                    }
                ]
            }
