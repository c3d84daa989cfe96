"""The table of all alerts in the reference, and of one alert in its runbook."""

from __future__ import annotations

from components.observability.rules.catalogue import (
    FULL_PLATFORM,
    FULL_PLATFORM_WITH_CLOUDNATIVE_PG,
    every_alert,
)
from components.observability.rules.groups import recorded_of
from components.observability.runbook_text import alert_text


def alerts_table(_: str) -> str:
    """Every alert: severity, team, the time for which its condition must hold, and its runbook."""
    rows = [
        f"| [{name}](../runbooks/{one.page}.md) | {one.severity} | {one.team} | {one.scope} "
        f"| {one.duration} | {one.summary} | {one.source or ''} |"
        for name, one in every_alert().items()
    ]
    head = "| alert | severity | team | scope | after | meaning | source |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def runbooks_list(_: str) -> str:
    """The runbook of each alert."""
    return "\n".join(
        f"- [{name}]({one.page}.md): {one.summary}" for name, one in every_alert().items()
    )


def recorded_table(_: str) -> str:
    """Every recording rule, by name."""
    names = dict.fromkeys(
        rule.name
        for options in (FULL_PLATFORM, FULL_PLATFORM_WITH_CLOUDNATIVE_PG)
        for rules in recorded_of(options).values()
        for rule in rules
    )
    return "\n".join(f"- `{name}`" for name in names)


def alert_block(name: str) -> str:
    """What a runbook says of its alert: labels, duration and expression, of an example stack."""
    return alert_text(every_alert()[name])
