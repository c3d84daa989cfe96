"""Rules for resources that are not part of a component: firewalls."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import Required

REQUIRED: Final = (
    Required(
        id="gcp-compute-001",
        severity=Severity.HIGH,
        reference="https://cloud.google.com/firewall/docs/firewalls",
        on="gcp:compute/firewall:Firewall",
        path="sourceRanges[*]",
        allowed=lambda address: address not in ("0.0.0.0/0", "::/0"),
        absent=True,
        consequence="everyone could connect to the machines behind it",
        fix="list the networks that need access",
    ),
)
