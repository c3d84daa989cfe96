"""The classes of risk, the most serious first."""

from __future__ import annotations

from enum import StrEnum


class RiskClass(StrEnum):
    REFUSED = "is refused"
    CLUSTER = "moves to another cluster"
    STATEFUL = "replaces or deletes something stateful"
    LOOSENS = "loosens a network policy, a role or a security context"
    EXPOSES = "exposes something"
    SECRETS = "changes a secret reference"
    ALERTS = "removes or weakens an alert"
    POLICY = "breaks a rule"
    UNCHECKED = "is checked by no rule of its own"
    SINGLE = "keeps production data in one pod"
    CONTROLLER = "needs a controller in the cluster"
    CAPACITY = "raises cost-bearing capacity"
    WAIVED = "breaks a rule that is waived"
