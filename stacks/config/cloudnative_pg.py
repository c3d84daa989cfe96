"""Subsection `data.cloudnativePg`: PostgreSQL that the operator CloudNativePG runs."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.base import arg_forms, postgres_forms
from components.kubernetes.cloudnative_pg_args import (
    OPERATOR,
    POOLER_RESOURCES,
    RESOURCES,
    PgBouncer,
)

from .forms import Bytes, Cidr, Cpu, DnsLabel, LabelKey, LabelValue, SecretName, checked, constraint
from .section import Section

POSTGRES_FORMS: Final = {
    form.pattern: form
    for form in (
        *(postgres_forms.CLUSTER_NAME, postgres_forms.PARAMETER_NAME),
        *(postgres_forms.PARAMETER_VALUE, postgres_forms.STORAGE_URL, postgres_forms.RETENTION),
        *(postgres_forms.CLOUD_IDENTITY, postgres_forms.SCHEDULE),
        postgres_forms.BACKUP_FOLDER,
    )
}
"""By pattern, as a refusal names it."""

RoleName = Annotated[str, constraint(arg_forms.DATABASE_NAME), checked(arg_forms.DATABASE_NAME)]
ParameterName = Annotated[str, constraint(postgres_forms.PARAMETER_NAME)]
ParameterValue = Annotated[str, constraint(postgres_forms.PARAMETER_VALUE)]


class PostgresResources(Section):
    """Requests and limits of each server; the defaults are those of the document S4."""

    cpu: Cpu = Field(default=RESOURCES.cpu, description="CPU request.")
    memory: Bytes = Field(default=RESOURCES.memory, description="Memory request.")
    cpu_limit: Cpu = Field(default=RESOURCES.cpu_limit, description="CPU limit.")
    memory_limit: Bytes = Field(default=RESOURCES.memory_limit, description="Memory limit.")


class PoolerResources(Section):
    """Requests and limits of each pod of PgBouncer."""

    cpu: Cpu = Field(default=POOLER_RESOURCES.cpu, description="CPU request.")
    memory: Bytes = Field(default=POOLER_RESOURCES.memory, description="Memory request.")
    cpu_limit: Cpu = Field(default=POOLER_RESOURCES.cpu_limit, description="CPU limit.")
    memory_limit: Bytes = Field(default=POOLER_RESOURCES.memory_limit, description="Memory limit.")


class PostgresBackup(Section):
    """A bucket for WAL files and base backups, which the pods reach by their workload identity."""

    provider: Literal["aws", "gcp", "azure"] = Field(description="Cloud of the bucket.")
    url: Annotated[str, constraint(postgres_forms.STORAGE_URL)] | None = Field(
        default=None,
        description="Bucket and path; absent: the bucket of backup.bucket.create.",
    )
    identity: Annotated[str, constraint(postgres_forms.CLOUD_IDENTITY)] = Field(
        description="Whose rights the pods have; it must trust the service account postgres."
    )
    networks: list[Cidr] = Field(
        min_length=1,
        description="Networks in which the storage and the cloud's token service answer at port "
        "443, such as those of their private endpoints.",
    )
    retention: Annotated[str, constraint(postgres_forms.RETENTION)] = Field(
        default="30d", description="How far back the database can be restored: days, weeks, months."
    )
    schedule: Annotated[str, constraint(postgres_forms.SCHEDULE)] = Field(
        default="0 0 2 * * *",
        description="Six cron fields, beginning with the second, of the base backups, in UTC.",
    )
    recovery_point_minutes: int = Field(
        default=1560,
        ge=1,
        le=525_600,
        description="Oldest that the newest base backup may be, in minutes: an alert fires "
        "otherwise. Longer than the time between two backups.",
    )
    server_name: Annotated[str, constraint(postgres_forms.BACKUP_FOLDER)] | None = Field(
        default=None,
        description="Folder of the backups; another one after a major upgrade. Absent: postgres.",
    )
    wal_jobs: int = Field(
        default=8, ge=1, le=64, description="WAL files that are archived at the same time."
    )


class PostgresPooler(Section):
    """PgBouncer in front of the primary; the defaults are those of the boilerplate document."""

    instances: int = Field(
        default=PgBouncer.instances, ge=1, le=1000, description="Number of pods."
    )
    pool_mode: Literal["session", "transaction"] = Field(
        default="session",
        description="session: a client keeps its connection until it leaves; transaction: for one "
        "transaction.",
    )
    max_clients: int = Field(
        default=PgBouncer.max_clients,
        ge=1,
        le=100_000,
        description="Connections that each pod accepts.",
    )
    pool_size: int = Field(
        default=PgBouncer.pool_size,
        ge=1,
        le=1000,
        description="Connections of each pod to PostgreSQL, for each user and database.",
    )
    min_connections: int = Field(
        default=PgBouncer.min_connections,
        ge=1,
        le=1000,
        description="Of them, kept open without clients.",
    )
    acquire_seconds: int = Field(
        default=PgBouncer.acquire_seconds,
        ge=1,
        le=86_400,
        description="Seconds that a client waits for one.",
    )
    idle_seconds: int = Field(
        default=PgBouncer.idle_seconds,
        ge=1,
        le=86_400,
        description="Seconds after which an unused one is closed.",
    )
    lifetime_seconds: int = Field(
        default=PgBouncer.lifetime_seconds,
        ge=1,
        le=86_400,
        description="Seconds after which one is replaced.",
    )
    resources: PoolerResources = Field(default_factory=PoolerResources, description="Of each pod.")


class PostgresRole(Section):
    """A role besides the owner of the database that may log in."""

    name: RoleName = Field(description="Name of the role.")
    password_secret: SecretName = Field(
        description="Secret of the type kubernetes.io/basic-auth, whose username is the name."
    )
    member_of: list[RoleName] = Field(
        default=[], description="Roles whose rights it has, such as pg_monitor."
    )
    connection_limit: int | None = Field(
        default=None, ge=1, le=100_000, description="Sessions at the same time. Absent: no limit."
    )


class PostgresOperator(Section):
    """Pods of the operator, which connect to the servers."""

    namespace: DnsLabel = Field(default=OPERATOR.namespace, description="Where it runs.")
    labels: dict[LabelKey, LabelValue] = Field(
        default=dict(OPERATOR.labels), min_length=1, description="Labels of its pods."
    )


class CloudNativePg(Section):
    """PostgreSQL with standbys and failover, in a cluster with the operator CloudNativePG."""

    image: Annotated[
        str, constraint(postgres_forms.POSTGRES_IMAGE), checked(postgres_forms.POSTGRES_IMAGE)
    ] = Field(
        description="An image of CloudNativePG's with the version in its tag, in staging and prod "
        "with its digest; another one is rolled out."
    )
    credentials_secret: SecretName = Field(
        default="mcp-database-owner",
        description="Secret of the type kubernetes.io/basic-auth with the owner's username (qudag) "
        "and password; also in the namespaces of the servers.",
    )
    audit_secret: SecretName = Field(
        default="mcp-audit-writer",
        description="With audit.enabled: Secret of the type kubernetes.io/basic-auth with the "
        "username qudag_audit and a password; also in the namespaces of the servers that write.",
    )
    audit_keeper_secret: SecretName = Field(
        default="mcp-audit-owner",
        description="With audit.enabled: the same for qudag_audit_keeper, who owns the log; also "
        "in the namespaces of its jobs.",
    )
    roles: list[PostgresRole] = Field(default=[], description="Further roles that may log in.")
    instances: int = Field(
        default=3,
        ge=1,
        le=20,
        description="Number of servers, each with a volume; one is the primary.",
    )
    synchronous: int = Field(
        default=1,
        ge=0,
        le=19,
        description="Standbys that have a transaction before it is acknowledged; with 0 a failover "
        "can lose the last ones.",
    )
    parameters: dict[ParameterName, ParameterValue] = Field(
        default={},
        description="Parameters of PostgreSQL, in addition to those of the document S4.",
    )
    size: Bytes = Field(default="100Gi", description="Size of each volume.")
    resources: PostgresResources = Field(
        default_factory=PostgresResources, description="Of each server."
    )
    backup: PostgresBackup | None = Field(
        default=None, description="Where WAL files and base backups go; required in prod."
    )
    pooler: PostgresPooler | None = Field(
        default=None, description="PgBouncer in front of the primary. Absent: none."
    )
    pod_monitor: bool = Field(
        default=False,
        description="Register a PodMonitor; needs the Prometheus Operator and network.prometheus.",
    )
    operator: PostgresOperator = Field(
        default_factory=PostgresOperator, description="Pods of the operator."
    )
    api_ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(
        default=[443, 6443],
        min_length=1,
        description="Ports of the API server (kubernetes.apiServer): of its Service, and of the "
        "endpoints behind it.",
    )
