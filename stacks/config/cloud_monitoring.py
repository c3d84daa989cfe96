"""Fields that the section `monitoring` of every cloud has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.base.arg_forms import EMAIL_ADDRESS

from .forms import constraint
from .section import Section


class CloudMonitoring(Section):
    """Alarms and a dashboard of what the stack has in a cloud.

    Objectives and thresholds are those of ``observability.alerts``.
    """

    emails: list[Annotated[str, constraint(EMAIL_ADDRESS)]] = Field(
        default=[],
        max_length=50,
        description="Addresses that get a mail for each alarm. On AWS each owner must first "
        "confirm a mail.",
    )


class CloudBudget(Section):
    """What the stack may cost in a month, in a cloud."""

    monthly_amount: int = Field(
        ge=1,
        le=100_000_000,
        description="Costs of a month. A notification is sent when they are reached, and when "
        "they are forecast.",
    )
