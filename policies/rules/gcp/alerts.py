"""Alert policies that tell somebody, and channels whose messages are not sent in clear."""

from __future__ import annotations

from typing import Any, Final

from ...finding import Severity
from ...rule import Required
from ..rows import on, rows
from .types import ALERT, CHANNEL


def _some(channels: Any) -> bool:
    return bool(channels)


def _https(url: Any) -> bool:
    return str(url).casefold().startswith("https://")


REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "gcp-monitoring-001",
        Severity.MEDIUM,
        "https://cloud.google.com/monitoring/alerts",
        "the alert would notify nobody",
        "name a notification channel",
        ((ALERT, "notificationChannels"),),
        _some,
        absent=False,
    ),
    *rows(
        "gcp-monitoring-002",
        Severity.MEDIUM,
        "https://cloud.google.com/monitoring/alerts",
        "the alert would notify nobody",
        "set it to true, or leave it out",
        ((ALERT, "enabled"), (CHANNEL, "enabled")),
        on,
    ),
    *rows(
        "gcp-monitoring-003",
        Severity.HIGH,
        "https://cloud.google.com/monitoring/support/notification-options",
        "messages are sent over the internet unencrypted",
        "write a URL that begins with https://",
        ((CHANNEL, "labels.url"),),
        _https,
    ),
)
