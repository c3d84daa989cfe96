"""Required settings of Cloud Run services."""

from __future__ import annotations

from typing import Final

from components.base.image_reference import has_version
from components.gcp.facts import CLOUD_RUN_CONCURRENCY, CLOUD_RUN_TIMEOUT

from ...finding import Severity
from ...rule import Required, present, within
from .types import SERVICE, is_number

_CONTAINER: Final = "template.containers[*]"


REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        id="gcp-run-001",
        severity=Severity.LOW,
        reference="https://cloud.google.com/run/docs/securing/ingress",
        house=True,
        on=SERVICE,
        path="ingress",
        allowed=present,
        consequence="it would accept requests from every network",
        fix="set it to INGRESS_TRAFFIC_ALL, or to one of the internal ones",
    ),
    Required(
        id="gcp-run-002",
        severity=Severity.HIGH,
        reference="https://cloud.google.com/run/docs/authenticating/public",
        safe_default=True,
        on=SERVICE,
        path="invokerIamDisabled",
        allowed=(False,),
        consequence="everyone could call it, regardless of its IAM policy",
        fix="set it to false",
    ),
    Required(
        id="gcp-run-003",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/run/docs/securing/service-identity",
        on=SERVICE,
        path="template.serviceAccount",
        allowed=present,
        consequence="it would run as the project's default account, which may edit the project",
        fix="pass the email of an account of its own",
    ),
    Required(
        id="gcp-run-004",
        severity=Severity.LOW,
        reference="https://cloud.google.com/run/docs/about-execution-environments",
        house=True,
        on=SERVICE,
        path="template.executionEnvironment",
        allowed=("EXECUTION_ENVIRONMENT_GEN2",),
        consequence="the first generation emulates only a part of Linux",
        fix="set it to EXECUTION_ENVIRONMENT_GEN2",
    ),
    Required(
        id="gcp-run-005",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/run/docs/configuring/request-timeout",
        safe_default=True,
        on=SERVICE,
        path="template.timeout",
        allowed=within(CLOUD_RUN_TIMEOUT),
        consequence="calls are interrupted, or the cloud refuses it (Cloud Run, Quotas and limits)",
        fix=f"set at most {CLOUD_RUN_TIMEOUT.most}s",
    ),
    Required(
        id="gcp-run-006",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/run/docs/about-concurrency",
        safe_default=True,
        on=SERVICE,
        path="template.maxInstanceRequestConcurrency",
        allowed=within(CLOUD_RUN_CONCURRENCY),
        consequence="the cloud refuses it (Cloud Run, Maximum concurrent requests)",
        fix=f"set at most {CLOUD_RUN_CONCURRENCY.most}",
    ),
    Required(
        id="gcp-run-007",
        severity=Severity.LOW,
        reference="https://cloud.google.com/run/docs/deploying",
        on=SERVICE,
        path=f"{_CONTAINER}.image",
        allowed=has_version,
        consequence="instances started at different times would run different programs",
        fix="name a version, or a digest",
    ),
    Required(
        id="gcp-run-008",
        severity=Severity.LOW,
        reference="https://cloud.google.com/run/docs/configuring/billing-settings",
        house=True,
        on=SERVICE,
        path=f"{_CONTAINER}.resources.cpuIdle",
        allowed=(False,),
        consequence="CPU is withheld between requests: streams and drains stop",
        fix="set it to false",
    ),
    Required(
        id="gcp-run-009",
        severity=Severity.LOW,
        reference="https://cloud.google.com/run/docs/configuring/services/secrets",
        house=True,
        on=SERVICE,
        path=f"{_CONTAINER}.envs[*].valueSource.secretKeyRef.version",
        allowed=is_number,
        consequence="instances started at different times would have different secrets",
        fix="write the version's number",
        absent=True,
    ),
)
