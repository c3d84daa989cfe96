"""One pod with a volume for PostgreSQL and one for Valkey, on a cluster without managed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Image, ObjectName, SecretName, ValkeySize
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..mcp.data_contract import POSTGRES, VALKEY, CacheProfile, Contents, Provided
from .container import Claim, Container, Files, Port, Probe, Probes, Resources, SecretFiles
from .start_script import graceful_start
from .templates import render, text
from .workload import Exposure, Rollout, Workload, WorkloadArgs, WorkloadKind

DEFAULT_RESOURCES = Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="1Gi")
_DATABASE: Final = "database"
_CACHE: Final = "cache"


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """What the pods need to know.

    Attributes:
        namespace: where they run.
        postgres_image, valkey_image: the programs; None for a platform without that store.
        passwords_secret: Secret with ``database-password`` and ``redis-password``.
        internal_tls_secret: Secret with the certificate that both servers show.
        database_size, cache_size: of the volumes.
        cache_memory: Valkey's ``maxmemory``.
        storage_class: None for the cluster's default.
        resources: of each of the two pods.
        type: tells this kind from the others where args are a mapping.
    """

    namespace: pulumi.Input[DnsLabel]
    postgres_image: pulumi.Input[Image] | None
    valkey_image: pulumi.Input[Image] | None
    passwords_secret: SecretName
    internal_tls_secret: SecretName
    database_size: ByteSize = "10Gi"
    cache_size: ByteSize = "1Gi"
    cache_memory: ValkeySize = "256mb"
    storage_class: ObjectName | None = None
    resources: Resources = DEFAULT_RESOURCES
    type: Literal["embedded"] = "embedded"


def embedded(owner: Component[Any], kind: Embedded, contents: Contents) -> Provided:
    """Makes both; the user is made on the first start, and owns the database and nothing else."""
    made = {
        role: Workload(owner.named(role), workload, opts=owner.owned())
        for role, workload in embedded_workloads(kind, contents).items()
    }
    database, cache = made.get(_DATABASE), made.get(_CACHE)
    return Provided(
        database=database,
        database_host=database.host if database else "",
        cache_host=cache.host if cache else "",
        database_credentials=kind.passwords_secret,
    )


def embedded_manifests(name: str, kind: Embedded, contents: Contents) -> list[Manifest]:
    """Every object that the data tier ``name`` registers."""
    return [
        manifest
        for role, workload in embedded_workloads(kind, contents).items()
        for manifest in Workload.manifests(f"{name}-{role}", workload)
    ]


def embedded_workloads(kind: Embedded, contents: Contents) -> dict[str, WorkloadArgs]:
    """The StatefulSets by their roles."""
    stores: dict[str, WorkloadArgs] = {}
    if kind.postgres_image is not None:
        container = postgres_container(kind, contents, kind.postgres_image)
        stores[_DATABASE] = _stateful(kind, _DATABASE, "postgres", container)
    if kind.valkey_image is not None:
        container = valkey_container(kind, contents, kind.valkey_image)
        stores[_CACHE] = _stateful(kind, _CACHE, "redis", container)
    return stores


def _stateful(kind: Embedded, role: str, name: str, container: Container) -> WorkloadArgs:
    return WorkloadArgs(
        namespace=kind.namespace,
        component=role,
        containers=[container],
        replicas=1,
        exposure=Exposure(name=f"{name}-service"),
        rollout=Rollout(surge=0, unavailable=1),
        kind=WorkloadKind.STATEFUL_SET,
        grace=60,
        name=name,
    )


def postgres_container(kind: Embedded, contents: Contents, image: pulumi.Input[str]) -> Container:
    """PostgreSQL: made on the first start, the password taken from the Secret at each."""
    command = (
        "postgres -D /var/lib/postgresql/data/cluster -c config_file=/etc/postgres/postgresql.conf"
    )
    before = text("postgres-start.sh").removeprefix("set -eu\n")
    rule = f"hostssl {contents.database} {contents.user} all scram-sha-256\n"
    alive = Probe(command=["pg_isready", "--quiet", "--host", "/tmp"], period=5)  # noqa: S108
    return Container(
        name="postgres",
        image=image,
        command=["sh", "/etc/postgres/start.sh"],
        ports=[Port(name="postgres", number=POSTGRES, service=POSTGRES)],
        probes=Probes(
            startup=Probe(command=alive.command, period=1, failures=300),
            readiness=alive,
            liveness=Probe(command=alive.command, period=30, failures=6),
        ),
        resources=kind.resources,
        env={"DB_NAME": contents.database, "DB_USER": contents.user},
        files=[
            Files(
                name="postgres-config",
                path="/etc/postgres",
                content={
                    "postgresql.conf": text("postgresql.conf"),
                    "pg_hba.conf": rule,
                    # INT: end the sessions and shut down in order.
                    "start.sh": graceful_start(command, stop="INT", before=before),
                },
            )
        ],
        secrets=[
            SecretFiles(
                secret=kind.passwords_secret, path="/etc/secrets", keys=("database-password",)
            ),
            SecretFiles(
                secret=kind.internal_tls_secret,
                path="/etc/internal-tls",
                keys=("tls.crt", "tls.key"),
            ),
        ],
        claims=[_claim(kind, contents, "/var/lib/postgresql/data", kind.database_size)],
    )


def valkey_container(kind: Embedded, contents: Contents, image: pulumi.Input[str]) -> Container:
    """Valkey with the profile's persistence and eviction; its password never on a command line."""
    before = (
        "umask 077\n"
        # Quotes and backslashes mean something in a quoted word of valkey.conf.
        """password=$(sed 's/["\\\\]/\\\\&/g' /etc/secrets/redis-password)\n"""
        """printf 'requirepass "%s"\\n' "$password" > /tmp/password.conf\n"""
    )
    return Container(
        name="valkey",
        image=image,
        command=["sh", "/etc/valkey/start.sh"],
        ports=[Port(name="redis", number=VALKEY, service=VALKEY)],
        probes=Probes(
            readiness=Probe(port=VALKEY, period=5),
            liveness=Probe(port=VALKEY, period=30),
        ),
        resources=kind.resources,
        files=[
            Files(
                name="valkey-config",
                path="/etc/valkey",
                content={
                    "valkey.conf": valkey_conf(contents.cache_profile, kind.cache_memory),
                    "start.sh": f"set -eu\n{before}exec valkey-server /etc/valkey/valkey.conf\n",
                },
            )
        ],
        secrets=[
            SecretFiles(
                secret=kind.passwords_secret, path="/etc/secrets", keys=("redis-password",)
            ),
            SecretFiles(
                secret=kind.internal_tls_secret,
                path="/etc/internal-tls",
                keys=("tls.crt", "tls.key", "ca.crt"),
            ),
        ],
        claims=[_claim(kind, contents, "/data", kind.cache_size)],
    )


def valkey_conf(profile: CacheProfile, memory: str) -> str:
    """valkey.conf for the profile."""
    return render("valkey.conf.j2", profile=profile.value, maxmemory=memory)


def _claim(kind: Embedded, contents: Contents, path: str, size: str) -> Claim:
    return Claim(
        name="data",
        path=path,
        size=size,
        storage_class=kind.storage_class,
        protect=contents.protect,
    )
