"""The platform's PostgreSQL and Valkey, with the same outputs wherever they come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pulumi

from .base import Component
from .container import Claim, Container, Files, Port, Probe, Probes, Resources, SecretFiles
from .start import graceful_start
from .templates import render, text
from .workload import Exposure, Rollout, Workload, WorkloadArgs, WorkloadKind

POSTGRES = 5432
VALKEY = 6379
DEFAULT_RESOURCES = Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="1Gi")


class DataKind(Enum):
    """Where the data lives. EMBEDDED: one PostgreSQL and one Valkey pod with a volume each."""

    EMBEDDED = "embedded"


class CacheProfile(Enum):
    """What Valkey holds.

    SESSIONS: written to disk every second, refused rather than evicted when memory is full.
    CACHE: never written, the least recently used is evicted.
    """

    SESSIONS = "sessions"
    CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class DataTierArgs:
    """What the data tier needs to know.

    Attributes:
        namespace: where it runs.
        postgres_image, valkey_image: the programs.
        passwords_secret: Secret with ``database-password`` and ``redis-password``.
        internal_tls_secret: Secret with the certificate that both servers show.
        kind: see DataKind.
        database, user: created on the first start; the user owns the database and nothing else.
        database_size, cache_size: of the volumes.
        cache_profile: see CacheProfile.
        cache_memory: Valkey's ``maxmemory``.
        storage_class: None for the cluster's default.
        protect: refuse to delete what holds data.
        resources: of each of the two pods.
    """

    namespace: pulumi.Input[str]
    postgres_image: pulumi.Input[str]
    valkey_image: pulumi.Input[str]
    passwords_secret: str
    internal_tls_secret: str
    kind: DataKind = DataKind.EMBEDDED
    database: str = "qudag_mcp"
    user: str = "qudag"
    database_size: str = "10Gi"
    cache_size: str = "1Gi"
    cache_profile: CacheProfile = CacheProfile.SESSIONS
    cache_memory: str = "256mb"
    storage_class: str | None = None
    protect: bool = False
    resources: Resources = DEFAULT_RESOURCES


class DataTier(Component[DataTierArgs]):
    """PostgreSQL and Valkey; both take TLS connections with a password and nothing else.

    Attributes:
        database_host, database_port: of PostgreSQL.
        database_name, database_user: as they were given.
        cache_host, cache_port: of Valkey.
    """

    args_type = DataTierArgs

    database_host: pulumi.Output[str]
    database_port: pulumi.Output[int]
    database_name: pulumi.Output[str]
    database_user: pulumi.Output[str]
    cache_host: pulumi.Output[str]
    cache_port: pulumi.Output[int]

    database: Workload
    """What a migration waits for."""

    def build(self, args: DataTierArgs) -> None:
        match args.kind:
            case DataKind.EMBEDDED:
                self._embedded(args)

    def _embedded(self, args: DataTierArgs) -> None:
        postgres = self._stateful("database", "postgres", postgres_container(args), args)
        valkey = self._stateful("cache", "redis", valkey_container(args), args)
        self.database = postgres
        self.database_host = postgres.host
        self.database_port = pulumi.Output.from_input(POSTGRES)
        self.database_name = pulumi.Output.from_input(args.database)
        self.database_user = pulumi.Output.from_input(args.user)
        self.cache_host = valkey.host
        self.cache_port = pulumi.Output.from_input(VALKEY)

    def _stateful(self, role: str, name: str, container: Container, args: DataTierArgs) -> Workload:
        return Workload(
            self.named(role),
            WorkloadArgs(
                namespace=args.namespace,
                component=role,
                containers=[container],
                replicas=1,
                exposure=Exposure(name=f"{name}-service"),
                rollout=Rollout(surge=0, unavailable=1),
                kind=WorkloadKind.STATEFUL_SET,
                grace=60,
                name=name,
            ),
            opts=self.owned(),
        )


def postgres_container(args: DataTierArgs) -> Container:
    """PostgreSQL: made on the first start, the password taken from the Secret at each."""
    command = (
        "postgres -D /var/lib/postgresql/data/cluster -c config_file=/etc/postgres/postgresql.conf"
    )
    before = text("postgres-start.sh").removeprefix("set -eu\n")
    alive = Probe(command=["pg_isready", "--quiet", "--host", "/tmp"], period=5)  # noqa: S108
    return Container(
        name="postgres",
        image=args.postgres_image,
        command=["sh", "/etc/postgres/start.sh"],
        ports=[Port(name="postgres", number=POSTGRES, service=POSTGRES)],
        probes=Probes(
            startup=Probe(command=alive.command, period=1, failures=300),
            readiness=alive,
            liveness=Probe(command=alive.command, period=30, failures=6),
        ),
        resources=args.resources,
        env={"DB_NAME": args.database, "DB_USER": args.user},
        files=[
            Files(
                name="postgres-config",
                path="/etc/postgres",
                content={
                    "postgresql.conf": text("postgresql.conf"),
                    "pg_hba.conf": f"hostssl {args.database} {args.user} all scram-sha-256\n",
                    # INT: end the sessions and shut down in order.
                    "start.sh": graceful_start(command, stop="INT", before=before),
                },
            )
        ],
        secrets=[
            SecretFiles(
                secret=args.passwords_secret, path="/etc/secrets", keys=("database-password",)
            ),
            SecretFiles(
                secret=args.internal_tls_secret,
                path="/etc/internal-tls",
                keys=("tls.crt", "tls.key"),
            ),
        ],
        claims=[_claim(args, "/var/lib/postgresql/data", args.database_size)],
    )


def valkey_container(args: DataTierArgs) -> Container:
    """Valkey with the profile's persistence and eviction; its password never on a command line."""
    before = (
        "umask 077\n"
        # Quotes and backslashes mean something in a quoted word of valkey.conf.
        """password=$(sed 's/["\\\\]/\\\\&/g' /etc/secrets/redis-password)\n"""
        """printf 'requirepass "%s"\\n' "$password" > /tmp/password.conf\n"""
    )
    return Container(
        name="valkey",
        image=args.valkey_image,
        command=["sh", "/etc/valkey/start.sh"],
        ports=[Port(name="redis", number=VALKEY, service=VALKEY)],
        probes=Probes(
            readiness=Probe(port=VALKEY, period=5),
            liveness=Probe(port=VALKEY, period=30),
        ),
        resources=args.resources,
        files=[
            Files(
                name="valkey-config",
                path="/etc/valkey",
                content={
                    "valkey.conf": valkey_conf(args),
                    "start.sh": f"set -eu\n{before}exec valkey-server /etc/valkey/valkey.conf\n",
                },
            )
        ],
        secrets=[
            SecretFiles(
                secret=args.passwords_secret, path="/etc/secrets", keys=("redis-password",)
            ),
            SecretFiles(
                secret=args.internal_tls_secret,
                path="/etc/internal-tls",
                keys=("tls.crt", "tls.key", "ca.crt"),
            ),
        ],
        claims=[_claim(args, "/data", args.cache_size)],
    )


def valkey_conf(args: DataTierArgs) -> str:
    """valkey.conf for the profile."""
    return render("valkey.conf.j2", profile=args.cache_profile.value, maxmemory=args.cache_memory)


def _claim(args: DataTierArgs, path: str, size: str) -> Claim:
    return Claim(
        name="data",
        path=path,
        size=size,
        storage_class=args.storage_class,
        protect=args.protect,
    )
