"""What must hold within `observability.alerts`, and between it and the rest of a stack file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.mcp.objectives import LATENCY_BOUNDS
from components.observability.rules.alert import TEAMS

from ..config.alerts import AlertReceiver, Alerts
from ..config.error_messages import dotted
from ..config.stack import StackConfig
from ..rule_options import rule_options
from ..services import topology
from .clouds import monitored_clouds
from .rule import Rule, at

_CHANNELS: Final = ("slack", "email", "pagerduty", "webhook")
_HERE: Final = "observability.alerts"


def alerts_need_a_prometheus(config: StackConfig) -> Iterator[Problem]:
    """Alerts are configured for a kind that has rules, or for alarms of a cloud."""
    section = config.observability
    if section.kind != "none":
        return
    in_clouds = ("objectives", "thresholds") if monitored_clouds(config) else ()
    of_clusters = section.alerts.model_copy(
        update={field: getattr(Alerts(), field) for field in in_clouds}
    )
    if of_clusters != Alerts():
        yield at(
            _HERE,
            "is set, and observability.kind is none",
            "no rule is deployed: no alert would fire",
            "set observability.kind to operator, or remove "
            + ("all but objectives and thresholds" if in_clouds else "it"),
        )


def standalone_has_no_external_exporters(config: StackConfig) -> Iterator[Problem]:
    """Programs outside the platform are listed for a Prometheus that reads them."""
    section = config.observability
    if section.kind == "standalone" and section.alerts.exporters:
        yield at(
            f"{_HERE}.exporters",
            "is set, and observability.kind is standalone",
            "its Prometheus reads the platform alone: these alerts would never fire",
            "set observability.kind to operator, or remove it",
        )


def an_objective_can_be_measured(config: StackConfig) -> Iterator[Problem]:
    """The latency of the objective is a bound of the exported histograms."""
    seconds = config.observability.alerts.objectives.latency_seconds
    if seconds not in LATENCY_BOUNDS:
        yield at(
            f"{_HERE}.objectives.latencySeconds",
            f"is {seconds:g}, which is no bound of the exported histograms",
            "the share of slow requests could not be computed",
            f"one of: {', '.join(f'{bound:g}' for bound in LATENCY_BOUNDS)}",
        )


def disabled_alerts_exist(config: StackConfig) -> Iterator[Problem]:
    """Each name is that of an alert that may be left out."""
    names = config.observability.alerts.disabled
    if not names:
        return
    from components.observability.rules.catalogue import every_alert
    from components.observability.rules.groups import WATCHDOG
    from components.observability.rules.override_problems import unknown_alert

    known = every_alert()
    for index, name in enumerate(names):
        path = f"{_HERE}.disabled[{index}]"
        if name == WATCHDOG:
            yield at(
                path,
                f"is {name}",
                "nobody would notice that alerts stop arriving",
                "remove it: it is sent to deadMansSwitch alone",
            )
        elif name not in known:
            found = unknown_alert(path, name)
            yield at(found.path, found.what, found.consequence, found.fix)


def overrides_change_alerts_of_the_stack(config: StackConfig) -> Iterator[Problem]:
    """Each override names an alert that the stack has, and changes it."""
    section = config.observability
    if section.kind == "none" or not section.alerts.overrides:
        return
    from components.observability.rules.override_problems import override_problems

    options = rule_options(config, topology(config))
    yield from override_problems(options, _path, duration="for")


def labels_are_not_those_of_alerts(config: StackConfig) -> Iterator[Problem]:
    """The labels for all alerts replace none that alerts or their series have."""
    labels = config.observability.alerts.labels
    if not labels:
        return
    from components.observability.rules.override_problems import label_problems

    yield from label_problems(labels, _path)


def _path(*steps: str) -> str:
    return dotted(("observability", "alerts", *steps))


def receivers_are_one_each(config: StackConfig) -> Iterator[Problem]:
    """A receiver has one channel, a name of its own, and both parts of a login."""
    receivers = config.observability.alerts.receivers
    names = Counter(one.name for one in receivers)
    for index, one in enumerate(receivers):
        path = f"{_HERE}.receivers[{index}]"
        yield from _of_one(path, one)
        if names[one.name] > 1 or one.name in ("nobody", "dead-mans-switch"):
            yield at(
                f"{path}.name",
                f"{one.name} is also the name of another receiver",
                "Alertmanager refuses its configuration",
                "give it a name of its own",
            )


def _of_one(path: str, one: AlertReceiver) -> Iterator[Problem]:
    chosen = [name for name in _CHANNELS if getattr(one, name) is not None]
    if len(chosen) != 1:
        yield at(
            path,
            f"has {' and '.join(chosen) if chosen else 'no channel'}",
            "nobody would be notified" if not chosen else "which one to use would be unclear",
            f"set one of: {', '.join(_CHANNELS)}",
        )
    email = one.email
    if email is not None and (email.username is None) != (email.password is None):
        missing = "username" if email.username is None else "password"
        yield at(
            f"{path}.email.{missing}",
            "is missing, and the other part of the login is set",
            "the mail server would refuse the login",
            f"set {missing}, or leave both out",
        )


def each_alert_has_a_receiver(config: StackConfig) -> Iterator[Problem]:
    """With receivers, each team's critical and warning alerts have one."""
    receivers = config.observability.alerts.receivers
    if not receivers:
        return
    for severity in ("critical", "warning"):
        covered = {
            team for one in receivers if severity in one.severities for team in (one.teams or TEAMS)
        }
        if missing := [team for team in TEAMS if team not in covered]:
            yield at(
                f"{_HERE}.receivers",
                f"none gets {severity} alerts of the teams {', '.join(missing)}",
                "nobody would be notified of them",
                f"add a receiver with {severity} in severities and these teams, or without teams",
            )


def prod_has_a_dead_mans_switch(config: StackConfig) -> Iterator[Problem]:
    """In prod a dead man's switch is set if there are receivers."""
    alerts = config.observability.alerts
    if config.environment == "prod" and alerts.receivers and alerts.dead_mans_switch is None:
        yield at(
            f"{_HERE}.deadMansSwitch",
            "is missing in prod",
            "nobody would notice that Prometheus or Alertmanager has ended",
            "set url to the key of a Secret with the URL of a service that expects calls",
        )


ALERT_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability.alerts", "observability.kind", "clouds"), alerts_need_a_prometheus),
    (("observability.alerts", "observability.kind"), standalone_has_no_external_exporters),
    (("observability.alerts.objectives",), an_objective_can_be_measured),
    (("observability.alerts.disabled",), disabled_alerts_exist),
    (
        (
            *("observability", "topology", "servers", "data", "images", "backup", "audit"),
            *("network", "kubernetes", "protocol", "scaling", "egress", "containers", "serverless"),
        ),
        overrides_change_alerts_of_the_stack,
    ),
    (("observability.alerts.labels",), labels_are_not_those_of_alerts),
    (("observability.alerts.receivers",), receivers_are_one_each),
    (("observability.alerts.receivers",), each_alert_has_a_receiver),
    (("observability.alerts", "environment"), prod_has_a_dead_mans_switch),
]
"""Each rule with what it reads."""
