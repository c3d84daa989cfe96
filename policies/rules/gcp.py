"""What Google Cloud resources must be: encrypted, private, logged, backed up, inside limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from components.base.problems import Problem
from components.gcp.facts import CLOUD_RUN_CONCURRENCY, CLOUD_RUN_TIMEOUT, GCP_FUNCTION_TIMEOUT
from components.gcp.identity import EVERYONE, INVOKER
from graph.resource_graph import ResourceGraph

from ..rule import Companion, Reference, Required, at, pinned, values, within
from . import resources_outside_components as beside
from .gcp_data import BUCKET, DATA, FIRESTORE, SQL

ACCOUNT: Final = "gcp:serviceaccount/account:Account"
CALLERS: Final = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
FUNCTION: Final = "gcp:cloudfunctionsv2/function:Function"
LOGS: Final = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
PROJECT_ROLE: Final = "gcp:projects/iAMMember:IAMMember"
SERVICE: Final = "gcp:cloudrunv2/service:Service"

_CONTAINER: Final = "template.containers[*]"


def _said(value: Any) -> bool:
    return bool(value)


def _numbered(version: Any) -> bool:
    return isinstance(version, str) and version.isdecimal()


PROJECT_ROLES: Final = (
    "roles/cloudsql.client",
    "roles/cloudsql.instanceUser",
    "roles/datastore.user",
    "roles/logging.logWriter",
    "roles/memorystore.dbConnectionUser",
    "roles/storage.objectViewer",
)
"""What the components give on a project, all but one under a condition."""

REQUIRED: Final[tuple[Required, ...]] = (
    *beside.GCP,
    *DATA,
    Required(
        on=PROJECT_ROLE,
        path="role",
        allowed=PROJECT_ROLES,
        consequence="it may be Editor, which can do nearly everything in the project",
        fix=f"one of: {', '.join(PROJECT_ROLES)}",
    ),
    Required(
        on=CALLERS,
        path="role",
        allowed=(INVOKER,),
        consequence="who calls it could change it as well",
        fix=f"set it to {INVOKER}",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.ingressSettings",
        allowed=_said,
        consequence="nobody has decided from where it is reached: it would be from anywhere",
        fix="set it to ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.serviceAccountEmail",
        allowed=_said,
        consequence="it would run as the project's default account, which may edit the project",
        fix="pass the email of an account of its own",
    ),
    Required(
        on=FUNCTION,
        path="buildConfig.serviceAccount",
        allowed=_said,
        consequence="the project's default account would build it",
        fix="pass the id of an account that builds and nothing else",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.timeoutSeconds",
        allowed=within(GCP_FUNCTION_TIMEOUT),
        consequence="a call would be cut, or the cloud refuses it (Cloud Run functions, Quotas)",
        fix=f"set at most {GCP_FUNCTION_TIMEOUT.most}",
    ),
    Required(
        on=FUNCTION,
        path="serviceConfig.secretEnvironmentVariables[*].version",
        allowed=_numbered,
        consequence="instances that start at other times would have other secrets",
        fix="write the version's number",
    ),
    Required(
        on=SERVICE,
        path="ingress",
        allowed=_said,
        consequence="nobody has decided from where it is reached: it would be from anywhere",
        fix="set it to INGRESS_TRAFFIC_ALL, or to one of the internal ones",
    ),
    Required(
        on=SERVICE,
        path="invokerIamDisabled",
        allowed=(False,),
        consequence="everyone could call it, whatever its IAM policy says",
        fix="set it to false",
    ),
    Required(
        on=SERVICE,
        path="template.serviceAccount",
        allowed=_said,
        consequence="it would run as the project's default account, which may edit the project",
        fix="pass the email of an account of its own",
    ),
    Required(
        on=SERVICE,
        path="template.executionEnvironment",
        allowed=("EXECUTION_ENVIRONMENT_GEN2",),
        consequence="the first generation emulates Linux, and not all of it",
        fix="set it to EXECUTION_ENVIRONMENT_GEN2",
    ),
    Required(
        on=SERVICE,
        path="template.timeout",
        allowed=within(CLOUD_RUN_TIMEOUT),
        consequence="a call would be cut, or the cloud refuses it (Cloud Run, Quotas and limits)",
        fix=f"set at most {CLOUD_RUN_TIMEOUT.most}s",
    ),
    Required(
        on=SERVICE,
        path="template.maxInstanceRequestConcurrency",
        allowed=within(CLOUD_RUN_CONCURRENCY),
        consequence="the cloud refuses it (Cloud Run, Maximum concurrent requests)",
        fix=f"set at most {CLOUD_RUN_CONCURRENCY.most}",
    ),
    Required(
        on=SERVICE,
        path=f"{_CONTAINER}.image",
        allowed=pinned,
        consequence="instances that start at other times would run other programs",
        fix="name a version, or a digest",
    ),
    Required(
        on=SERVICE,
        path=f"{_CONTAINER}.resources.cpuIdle",
        allowed=(False,),
        consequence="between requests its processor stands still: streams and drains with it",
        fix="set it to false",
    ),
    Required(
        on=SERVICE,
        path=f"{_CONTAINER}.startupProbe.httpGet.path",
        allowed=("/health",),
        consequence="requests would reach an instance that cannot answer yet",
        fix="set it to /health",
    ),
    Required(
        on=SERVICE,
        path=f"{_CONTAINER}.livenessProbe.httpGet.path",
        allowed=("/health",),
        consequence="an instance that hangs would be kept",
        fix="set it to /health",
    ),
    Required(
        on=SERVICE,
        path=f"{_CONTAINER}.envs[*].valueSource.secretKeyRef.version",
        allowed=_numbered,
        consequence="instances that start at other times would have other secrets",
        fix="write the version's number",
        absent=True,
    ),
    Required(
        on=LOGS,
        path="retentionDays",
        allowed=lambda days: isinstance(days, int) and 1 <= days <= 3650,
        consequence="logs would be kept for 30 days, whatever was wanted, or the cloud refuses it",
        fix="set 1 to 3650 (Cloud Logging, Quotas and limits)",
    ),
)

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        on=FIRESTORE,
        companion="gcp:firestore/field:Field",
        by="database",
        consequence="sessions that have expired would be kept for ever",
    ),
    *(
        Companion(
            on=server,
            companion=CALLERS,
            by="name",
            consequence="nobody could call it: every request would be answered 403",
        )
        for server in (FUNCTION, SERVICE)
    ),
)

REFERENCES: Final[tuple[Reference, ...]] = (
    Reference(
        on=FUNCTION,
        path="buildConfig.source.storageSource.bucket",
        to=BUCKET,
        output="name",
    ),
    Reference(
        on=FUNCTION,
        path="buildConfig.source.storageSource.object",
        to="gcp:storage/bucketObject:BucketObject",
        output="name",
    ),
    Reference(on=FUNCTION, path="buildConfig.serviceAccount", to=ACCOUNT),
    Reference(
        on=FUNCTION,
        path="buildConfig.dockerRepository",
        to="gcp:artifactregistry/repository:Repository",
    ),
    Reference(on=FUNCTION, path="serviceConfig.serviceAccountEmail", to=ACCOUNT, output="email"),
    Reference(on=SERVICE, path="template.serviceAccount", to=ACCOUNT, output="email"),
    Reference(on="gcp:firestore/field:Field", path="database", to=FIRESTORE, output="name"),
    Reference(
        on="gcp:secretmanager/secretIamMember:SecretIamMember",
        path="member",
        to=ACCOUNT,
        output="member",
    ),
    Reference(on="gcp:sql/user:User", path="instance", to=SQL, output="name"),
    Reference(on="gcp:sql/database:Database", path="instance", to=SQL, output="name"),
)

UNBOUNDED: Final = {
    "roles/logging.logWriter": "logs are written to a project: IAM knows nothing finer",
}
"""Roles that are given on a whole project, each with its reason."""


def rights_are_bounded(graph: ResourceGraph) -> Iterator[Problem]:
    """A role on a project says by a condition what it is on; and only calling is for everyone."""
    for grant in [*graph.all(PROJECT_ROLE), *graph.all(beside.PROJECT_ROLES)]:
        role = str(grant.inputs.get("role"))
        if role not in UNBOUNDED and not grant.inputs.get("condition"):
            yield at(
                grant,
                "condition",
                f"is missing: {role} is given on the whole project",
                "it reaches what other stacks in the project own",
                "give the role on the resource itself, or say by a condition which one is meant",
            )
    for grant in graph.resources:
        role = grant.inputs.get("role")
        if not grant.type.startswith("gcp:") or (grant.type, role) == (CALLERS, INVOKER):
            continue
        given = [*values(grant.inputs, "member"), *values(grant.inputs, "members[*]")]
        for path, member in given:
            if member in (EVERYONE, "allAuthenticatedUsers"):
                yield at(
                    grant,
                    path,
                    f"is {member}, for {role}",
                    "the whole internet would have that right",
                    "name the accounts",
                )
