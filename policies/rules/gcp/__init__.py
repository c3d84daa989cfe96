"""Rules for Google Cloud: encrypted, private, logged, backed up, inside its limits."""

from __future__ import annotations

from typing import Final

from ...rule import CloudRules, Companion, Host, Reference
from . import access, containers, data, functions, outside_components
from .probes import containers_are_probed
from .types import ACCOUNT, BUCKET, CALLERS, FIELD, FIRESTORE, FUNCTION, SERVICE, SQL, USER

COMPANIONS: Final[tuple[Companion, ...]] = (
    Companion(
        on=FIRESTORE,
        companion=FIELD,
        by="database",
        consequence="expired sessions would never be deleted",
    ),
    *(
        Companion(
            on=server,
            companion=CALLERS,
            by="name",
            consequence="every request would be answered 403",
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
    Reference(on=FIELD, path="database", to=FIRESTORE, output="name"),
    Reference(
        on="gcp:secretmanager/secretIamMember:SecretIamMember",
        path="member",
        to=ACCOUNT,
        output="member",
    ),
    Reference(on=USER, path="instance", to=SQL, output="name"),
    Reference(on="gcp:sql/database:Database", path="instance", to=SQL, output="name"),
)

HOSTS: Final = (
    Host(
        on=FUNCTION,
        variables="serviceConfig.environmentVariables",
        waits="serviceConfig.timeoutSeconds",
    ),
    Host(on=SERVICE, variables="template.containers.0.envs", waits="template.timeout"),
)

RULES: Final = CloudRules(
    required=(
        *functions.REQUIRED,
        *containers.REQUIRED,
        *data.REQUIRED,
        *access.REQUIRED,
        *outside_components.REQUIRED,
    ),
    companions=COMPANIONS,
    references=REFERENCES,
    hosts=HOSTS,
    checks=(access.roles_are_bounded, containers_are_probed),
)
"""All rules for Google Cloud."""
