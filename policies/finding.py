"""A finding: one rule that one resource breaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from components.base.problems import Problem


class Severity(StrEnum):
    """How serious it is to break a rule, the most serious first. Critical findings refuse."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule that one resource breaks.

    Attributes:
        rule: id of the rule, such as ``aws-iam-001``.
        urn: the resource.
        problem: path, what is wrong, its consequence, and the fix.
        reference: the document that the rule is from.
        waiver: the reason why the rule is waived for this resource; None where it is not.
        refused: whether the program is refused because of it.
    """

    rule: str
    severity: Severity
    urn: str
    problem: Problem
    reference: str
    waiver: str | None = None
    refused: bool = False

    @property
    def label(self) -> str:
        """``aws-iam-001, critical``: how reports and refusals name the rule."""
        return f"{self.rule}, {self.severity}"
