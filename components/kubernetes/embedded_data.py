"""One pod with a volume for PostgreSQL and one for Valkey, on a cluster without managed ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, cast

import pulumi

from ..base.arg_types import (
    ByteSize,
    DatabaseName,
    DnsLabel,
    Image,
    ObjectName,
    SecretName,
)
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..mcp.audit_log import KEEPER, WRITER
from ..mcp.data_tier import (
    POSTGRES,
    DataTier,
    DataTierArgs,
    DataTierResources,
)
from ..mcp.server_config import INTERNAL_TLS_PATH
from ..mcp.store_files import AUDIT, AUDIT_OWNER
from .container import Claim, Container, Files, Port, Probe, Probes, SecretFiles
from .database_backup import PASSWORDS
from .exposure import IpFamilies
from .pod_settings import PodSettings
from .postgres_exporter import POSTGRES_EXPORTER_PORT, SHARED, PostgresExporter
from .resources import Resources
from .start_script import graceful_start
from .templates import text
from .valkey import ValkeyContainer, valkey_container
from .valkey_args import ValkeySettings, memory_problem
from .valkey_exporter import EXPORTER_PORT, exporter_container
from .valkey_replicas import Replication, sentinel_container
from .workload import Exposure, Rollout, Workload, WorkloadArgs, WorkloadKind

DEFAULT_RESOURCES = Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="1Gi")
PASSWORD_DELAY: Final = 120
"""Seconds from a changed Secret until PostgreSQL demands the new password. The kubelets of all
nodes have updated the files of their pods by then."""
_DATABASE: Final = "database"
_CACHE: Final = "cache"


@dataclass(frozen=True, kw_only=True)
class EmbeddedDataTierArgs(DataTierArgs):
    """Args of the pods for PostgreSQL and Valkey.

    Attributes:
        namespace: where they run.
        postgres_image, valkey_image: the programs; None for a platform without that store.
        passwords_secret: Secret with ``database-password``, and with ``redis-password`` if
            ``valkey`` names no users.
        postgres_tls_secret, valkey_tls_secret: Secrets with ``tls.crt`` and ``tls.key``, each for
            the names of that store alone; needed by a store that has an image.
        authority_secret: Secret with ``ca.crt``, the CA of both certificates, for the output
            ``ca``; None: that output is empty.
        user: the database user, created on the first start; it owns the database.
        audit: create the roles of the audit log too, with the keys ``audit-password`` and
            ``audit-keeper-password`` of the passwords.
        database_size, cache_size: of the volumes.
        postgres_exporter: exports metrics at port 9187 of PostgreSQL's pod; None: there are none.
        valkey: settings of Valkey: memory, connections and users.
        storage_class: None for the cluster's default.
        backup_roles: make the roles of ``DatabaseBackup``, and let them connect. The Secret of
            passwords then has ``backup-password`` and ``restore-password`` too.
        resources: of each of the two pods.
        ip_families: see Exposure.
        postgres_pods, valkey_pods: settings of the two pods.
    """

    namespace: pulumi.Input[DnsLabel]
    postgres_image: pulumi.Input[Image] | None
    valkey_image: pulumi.Input[Image] | None
    passwords_secret: SecretName
    postgres_tls_secret: SecretName | None = None
    valkey_tls_secret: SecretName | None = None
    authority_secret: SecretName | None = None
    user: DatabaseName = "qudag"
    audit: bool = False
    database_size: ByteSize = "10Gi"
    cache_size: ByteSize = "1Gi"
    postgres_exporter: PostgresExporter | None = None
    valkey: ValkeySettings = field(default_factory=ValkeySettings)
    storage_class: ObjectName | None = None
    backup_roles: bool = False
    resources: Resources = DEFAULT_RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    postgres_pods: PodSettings = field(default_factory=PodSettings)
    valkey_pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """A problem for each store that runs and has no certificate."""
        return [
            *super().refusals(),
            *(
                Problem(
                    f"{store}_tls_secret",
                    f"is missing, and {store}_image is set",
                    "the store could not serve TLS, and its clients connect over TLS only",
                    "name the Secret with tls.crt and tls.key for the names of its Service",
                )
                for store in ("postgres", "valkey")
                if getattr(self, f"{store}_image") is not None
                and getattr(self, f"{store}_tls_secret") is None
            ),
            *([problem] if (problem := self._memory_problem()) else []),
        ]

    def _memory_problem(self) -> Problem | None:
        if self.valkey_image is None:
            return None
        path = "valkey.resources" if self.valkey.resources else "resources"
        return memory_problem(
            self.valkey.memory,
            (self.valkey.resources or self.resources).memory_limit,
            self.cache_profile,
            memory_path="valkey.memory",
            limit_path=f"{path}.memory_limit",
        )


class EmbeddedDataTier(DataTier[EmbeddedDataTierArgs]):
    """One pod for PostgreSQL and one for Valkey, each with a volume.

    The database user is created on the first start; it owns the database and nothing else.
    """

    args_type = EmbeddedDataTierArgs

    def deploy(self, args: EmbeddedDataTierArgs) -> DataTierResources:
        made = {
            role: Workload(self.named(role), workload, opts=self.owned())
            for role, workload in embedded_workloads(args).items()
        }
        database, cache = made.get(_DATABASE), made.get(_CACHE)
        return DataTierResources(
            database=database,
            database_host=database.host if database else "",
            database_user=args.user,
            database_credentials=args.passwords_secret,
            cache_host=cache.host if cache else "",
            ca=args.authority_secret or "",
        )

    @classmethod
    def manifests(cls, name: str, args: EmbeddedDataTierArgs) -> list[Manifest]:
        """Every Kubernetes object that a data tier of this name and args registers."""
        return [
            manifest
            for role, workload in embedded_workloads(args).items()
            for manifest in Workload.manifests(f"{name}-{role}", workload)
        ]


def embedded_workloads(args: EmbeddedDataTierArgs) -> dict[str, WorkloadArgs]:
    """The StatefulSets by their roles."""
    stores: dict[str, WorkloadArgs] = {}
    if args.postgres_image is not None and args.postgres_tls_secret is not None:
        container = postgres_container(args, args.postgres_image, args.postgres_tls_secret)
        database = _stateful(args, _DATABASE, "postgres", container, args.postgres_pods)
        if beside := args.postgres_exporter:
            containers = [container, beside.container(args.database)]
            database = replace(database, containers=containers, metrics_port=POSTGRES_EXPORTER_PORT)
        stores[_DATABASE] = database
    if args.valkey_image is not None and args.valkey_tls_secret is not None:
        claim = _claim(args, "/data", args.cache_size)
        replication = valkey_replication(args.valkey, args.valkey_tls_secret)
        container = valkey_container(
            ValkeyContainer(
                image=args.valkey_image,
                settings=args.valkey,
                profile=args.cache_profile,
                passwords_secret=args.passwords_secret,
                tls_secret=args.valkey_tls_secret,
                claim=claim,
                resources=args.resources,
                replication=replication,
            )
        )
        cache = _stateful(args, _CACHE, "redis", container, args.valkey_pods)
        if exporter := args.valkey.exporter:
            beside = [container, exporter_container(exporter)]
            cache = replace(cache, containers=beside, metrics_port=EXPORTER_PORT)
        if replication:
            sentinel = sentinel_container(args.valkey_image, replication, args.valkey.users, claim)
            cache = replace(
                cache,
                containers=[*cache.containers, sentinel],
                replicas=replication.replicas,
                exposure=Exposure(
                    name=replication.service, headless=True, ip_families=args.ip_families
                ),
            )
        stores[_CACHE] = cache
    return stores


def valkey_replication(settings: ValkeySettings, tls_secret: SecretName) -> Replication | None:
    """What makes the pods of Valkey replicas of each other; None for one pod."""
    secrets = settings.replication_secret, settings.sentinel_secret, settings.ca_secret
    if settings.replicas == 1 or None in secrets:
        return None
    replication, sentinel, authority = cast("tuple[str, str, str]", secrets)
    return Replication(
        name="redis",
        service="redis-service",
        replicas=settings.replicas,
        replication_secret=replication,
        sentinel_secret=sentinel,
        ca_secret=authority,
        tls_secret=tls_secret,
    )


def _stateful(
    args: EmbeddedDataTierArgs, role: str, name: str, container: Container, pods: PodSettings
) -> WorkloadArgs:
    return WorkloadArgs(
        namespace=args.namespace,
        component=role,
        containers=[container],
        replicas=1,
        exposure=Exposure(name=f"{name}-service", ip_families=args.ip_families),
        rollout=Rollout(surge=0, unavailable=1),
        kind=WorkloadKind.STATEFUL_SET,
        grace=60,
        name=name,
        pods=pods,
    )


def postgres_container(
    args: EmbeddedDataTierArgs, image: pulumi.Input[str], tls_secret: str
) -> Container:
    """PostgreSQL: initialized on the first start; takes up a rotated password while it runs."""
    command = (
        "postgres -D /var/lib/postgresql/data/cluster -c config_file=/etc/postgres/postgresql.conf"
    )
    before = text("postgres-start.sh").removeprefix("set -eu\n")
    rule = f"hostssl {args.database} {args.user} all scram-sha-256\n"
    rule += "local postgres postgres trust\n"
    exporter = args.postgres_exporter
    if exporter:
        before, rule = before + exporter.start(), rule + exporter.rule(args.database)
    passwords, scripts = ["database-password"], dict[str, str]()
    if args.audit:
        before += text("postgres-audit-roles.sh")
        passwords += [AUDIT.password_key, AUDIT_OWNER.password_key]
        scripts["audit-owner.sql"] = text("postgres-audit-owner.sql")
        rule += f"local {args.database} postgres trust\n"
        for role in (WRITER, KEEPER):
            rule += f"hostssl {args.database} {role} all scram-sha-256\n"
    if args.backup_roles:
        before += text("postgres-backup-roles.sh")
        passwords += PASSWORDS.values()
        rule += f"hostssl {args.database} {args.user}_backup all scram-sha-256\n"
        # It connects to the databases that it makes.
        rule += f"hostssl all {args.user}_restore all scram-sha-256\n"
    # A login that pg_hba.conf has: without one, each probe is logged as a refused connection.
    alive = _answers("/tmp", "postgres", "postgres")  # noqa: S108
    return Container(
        name="postgres",
        image=image,
        command=["sh", "/etc/postgres/start.sh"],
        ports=[Port(name="postgres", number=POSTGRES, service=POSTGRES)],
        probes=Probes(
            startup=Probe(command=alive, period=1, failures=300),
            # Readiness: the port of clients. Liveness: the Unix socket.
            readiness=Probe(command=_answers("localhost", args.user, args.database), period=5),
            liveness=Probe(command=alive, period=30, failures=6),
        ),
        resources=args.resources,
        env={
            "DB_NAME": args.database,
            "DB_USER": args.user,
            "ROTATION_DELAY": str(PASSWORD_DELAY),
        },
        files=[
            Files(
                name="postgres-config",
                path="/etc/postgres",
                content={
                    "postgresql.conf": text("postgresql.conf"),
                    "pg_hba.conf": rule,
                    # INT: end the sessions and shut down in order.
                    "start.sh": graceful_start(command, stop="INT", before=before),
                    **scripts,
                },
            )
        ],
        secrets=[
            SecretFiles(secret=args.passwords_secret, path="/etc/secrets", keys=tuple(passwords)),
            SecretFiles(secret=tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key")),
            *([exporter.files] if exporter else []),
        ],
        shared=SHARED if exporter else {},
        claims=[_claim(args, "/var/lib/postgresql/data", args.database_size)],
    )


def _answers(host: str, user: str, database: str) -> list[str]:
    """A command that succeeds if PostgreSQL takes connections; it sends no password."""
    return ["pg_isready", "--quiet", f"--host={host}", f"--username={user}", f"--dbname={database}"]


def _claim(args: EmbeddedDataTierArgs, path: str, size: str) -> Claim:
    return Claim(
        name="data",
        path=path,
        size=size,
        storage_class=args.storage_class,
        protect=args.protect,
    )
