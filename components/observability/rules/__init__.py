"""The recording rules and alerts of a platform."""

from __future__ import annotations

from typing import Any

from ...mcp.objectives import Objectives
from .alert import Alert, RecordingRule
from .options import MonitoredServer, RuleOptions, Thresholds
from .overrides import AlertOverride

__all__ = [
    "Alert",
    "AlertOverride",
    "MonitoredServer",
    "Objectives",
    "RecordingRule",
    "RuleOptions",
    "Thresholds",
    "rule_groups",
]


def rule_groups(options: RuleOptions) -> list[dict[str, Any]]:
    """The value of ``groups`` in a rule file; see ``groups.rule_groups``.

    The rules are loaded here: a stack that has none starts without them.
    """
    from . import groups

    return groups.rule_groups(options)
