"""Required settings of functions."""

from __future__ import annotations

from typing import Final

from components.gcp.facts import GCP_FUNCTION_TIMEOUT

from ...finding import Severity
from ...rule import Required, present, within
from .types import FUNCTION, is_number

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        id="gcp-functions-001",
        severity=Severity.LOW,
        reference="https://cloud.google.com/functions/docs/networking/network-settings",
        house=True,
        on=FUNCTION,
        path="serviceConfig.ingressSettings",
        allowed=present,
        consequence="it would accept requests from every network",
        fix="set it to ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB",
    ),
    Required(
        id="gcp-functions-002",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/functions/docs/securing/function-identity",
        on=FUNCTION,
        path="serviceConfig.serviceAccountEmail",
        allowed=present,
        consequence="it would run as the project's default account, which may edit the project",
        fix="pass the email of an account of its own",
    ),
    Required(
        id="gcp-functions-003",
        severity=Severity.LOW,
        reference="https://cloud.google.com/functions/docs/securing/build-custom-sa",
        house=True,
        on=FUNCTION,
        path="buildConfig.serviceAccount",
        allowed=present,
        consequence="the project's default account would build it",
        fix="pass the id of an account that builds and nothing else",
    ),
    Required(
        id="gcp-functions-004",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/functions/quotas",
        safe_default=True,
        on=FUNCTION,
        path="serviceConfig.timeoutSeconds",
        allowed=within(GCP_FUNCTION_TIMEOUT),
        consequence="calls are interrupted, or the cloud refuses it (Cloud Run functions, Quotas)",
        fix=f"set at most {GCP_FUNCTION_TIMEOUT.most}",
    ),
    Required(
        id="gcp-functions-005",
        severity=Severity.LOW,
        reference="https://cloud.google.com/functions/docs/configuring/secrets",
        house=True,
        on=FUNCTION,
        path="serviceConfig.secretEnvironmentVariables[*].version",
        allowed=is_number,
        consequence="instances started at different times would have different secrets",
        fix="write the version's number",
    ),
)
