"""Required settings of functions."""

from __future__ import annotations

from typing import Final

from components.gcp.facts import GCP_FUNCTION_TIMEOUT

from ...rule import Required, present, within
from .types import FUNCTION, is_number

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        on=FUNCTION,
        path="serviceConfig.ingressSettings",
        allowed=present,
        consequence="it would accept requests from every network",
        fix="set it to ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.serviceAccountEmail",
        allowed=present,
        consequence="it would run as the project's default account, which may edit the project",
        fix="pass the email of an account of its own",
    ),
    Required(
        on=FUNCTION,
        path="buildConfig.serviceAccount",
        allowed=present,
        consequence="the project's default account would build it",
        fix="pass the id of an account that builds and nothing else",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.timeoutSeconds",
        allowed=within(GCP_FUNCTION_TIMEOUT),
        consequence="calls are interrupted, or the cloud refuses it (Cloud Run functions, Quotas)",
        fix=f"set at most {GCP_FUNCTION_TIMEOUT.most}",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.secretEnvironmentVariables[*].version",
        allowed=is_number,
        consequence="instances started at different times would have different secrets",
        fix="write the version's number",
    ),
)
