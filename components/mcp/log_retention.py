"""How long logs of servers and data stores in clouds are kept."""

from __future__ import annotations

from typing import Final

LOG_DAYS: Final = 90
"""Days, for audit and compliance (S3, Log Aggregation), unless ``log_retention_days`` is set."""
