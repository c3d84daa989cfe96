"""Rules for Google Cloud: encrypted, private, logged, backed up, inside its limits."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import CloudRules, Companion, Host, references
from . import access, alerts, bindings, containers, data, functions, network, probes, services
from .types import ACCOUNT, BUCKET, CALLERS, FIELD, FIRESTORE, FUNCTION, SERVICE, SQL, USER

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        id="gcp-firestore-003",
        severity=Severity.LOW,
        reference="https://cloud.google.com/firestore/native/docs/ttl",
        house=True,
        on=FIRESTORE,
        companion=FIELD,
        by="database",
        consequence="expired sessions would never be deleted",
    ),
    *(
        Companion(
            id=id,
            severity=Severity.LOW,
            reference="https://cloud.google.com/run/docs/authenticating/overview",
            house=True,
            on=server,
            companion=CALLERS,
            by="name",
            consequence="every request would be answered 403",
        )
        for id, server in (("gcp-functions-006", FUNCTION), ("gcp-run-010", SERVICE))
    ),
)

REFERENCES: Final = references(
    "gcp-reference-001",
    (
        (FUNCTION, "buildConfig.source.storageSource.bucket", BUCKET, "name"),
        (
            FUNCTION,
            "buildConfig.source.storageSource.object",
            "gcp:storage/bucketObject:BucketObject",
            "name",
        ),
        (FUNCTION, "buildConfig.serviceAccount", ACCOUNT, "id"),
        (
            FUNCTION,
            "buildConfig.dockerRepository",
            "gcp:artifactregistry/repository:Repository",
            "id",
        ),
        (FUNCTION, "serviceConfig.serviceAccountEmail", ACCOUNT, "email"),
        (SERVICE, "template.serviceAccount", ACCOUNT, "email"),
        (FIELD, "database", FIRESTORE, "name"),
        ("gcp:secretmanager/secretIamMember:SecretIamMember", "member", ACCOUNT, "member"),
        (USER, "instance", SQL, "name"),
        ("gcp:sql/database:Database", "instance", SQL, "name"),
    ),
)

HOSTS: Final = tuple(
    Host(
        id="gcp-timeout-001",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/run/docs/configuring/request-timeout",
        house=True,
        on=on,
        variables=variables,
        waits=waits,
    )
    for on, variables, waits in (
        (FUNCTION, "serviceConfig.environmentVariables", "serviceConfig.timeoutSeconds"),
        (SERVICE, "template.containers.0.envs", "template.timeout"),
    )
)

RULES: Final = CloudRules(
    required=(
        *functions.REQUIRED,
        *containers.REQUIRED,
        *data.REQUIRED,
        *access.REQUIRED,
        *bindings.REQUIRED,
        *services.REQUIRED,
        *alerts.REQUIRED,
    ),
    companions=COMPANIONS,
    references=REFERENCES,
    hosts=HOSTS,
    checks=(access.CHECK, bindings.CHECK, network.CHECK, services.CHECK, probes.CHECK),
)
"""All rules for Google Cloud."""
