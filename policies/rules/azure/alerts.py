"""Alert rules that tell somebody, and receivers whose messages are not sent in clear."""

from __future__ import annotations

from typing import Any, Final

from components.azure.tokens import ACTION_GROUP, LOG_ALERT, METRIC_ALERT

from ...finding import Severity
from ...rule import Required
from ..rows import on, rows

_LEARN: Final = "https://learn.microsoft.com/azure/azure-monitor/alerts/"


def _some(groups: Any) -> bool:
    return bool(groups)


def _https(url: Any) -> bool:
    return str(url).casefold().startswith("https://")


REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "azure-monitor-002",
        Severity.MEDIUM,
        f"{_LEARN}action-groups",
        "the alert would notify nobody",
        "name an action group",
        ((METRIC_ALERT, "actions"), (LOG_ALERT, "actions.actionGroups")),
        _some,
        absent=False,
    ),
    *rows(
        "azure-monitor-003",
        Severity.MEDIUM,
        f"{_LEARN}alerts-overview",
        "the alert would notify nobody",
        "set it to true",
        ((METRIC_ALERT, "enabled"), (LOG_ALERT, "enabled"), (ACTION_GROUP, "enabled")),
        on,
    ),
    *rows(
        "azure-monitor-004",
        Severity.HIGH,
        f"{_LEARN}action-groups",
        "messages are sent over the internet unencrypted",
        "write a URL that begins with https://",
        ((ACTION_GROUP, "webhookReceivers[*].serviceUri"),),
        _https,
    ),
)
