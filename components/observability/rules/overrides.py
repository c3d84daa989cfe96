"""What a platform changes in the alerts: their durations, severities and labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ...base.constraints import Form
from .alert import Alert, Severity

DURATION: Final = Form(
    name="duration of an alert",
    pattern="^(0|[1-9][0-9]{0,5})[smhd]$",
    words="a whole number and one of s, m, h and d",
    examples=("10m",),
    consequence="Prometheus would refuse all of the rules",
)
LABEL: Final = Form(
    name="label of alerts",
    pattern="^[A-Za-z][A-Za-z0-9_]*$",
    words="the name of a label: letters, digits and _, the first one a letter",
    examples=("cluster",),
    consequence="Prometheus would refuse all of the rules",
    longest=63,
)
LABEL_TEXT: Final = Form(
    name="value of a label of alerts",
    pattern=r"^[^{}\x00-\x1f\x7f]+$",
    words="one line of text without { and }",
    examples=("eu-1",),
    consequence="Prometheus would read it as a template",
    longest=200,
)


@dataclass(frozen=True, kw_only=True)
class AlertOverride:
    """What is changed in an alert.

    Attributes:
        duration: how long the condition must hold, such as ``10m``; None: as it is.
        severity: ``critical``, ``warning`` or ``info``; None: as it is.
    """

    duration: str | None = None
    severity: Severity | None = None

    def of(self, alert: Alert) -> Alert:
        """The alert with the changes."""
        changes = {"duration": self.duration, "severity": self.severity}
        return replace(alert, **{name: one for name, one in changes.items() if one is not None})
