"""Args of a PostgreSQL cluster that the operator CloudNativePG runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import pulumi

from ..base.arg_types import (
    ByteSize,
    ClusterInstances,
    ClusterName,
    ConnectionCount,
    DatabaseName,
    DnsLabel,
    Network,
    ObjectName,
    ParameterName,
    ParameterValue,
    PoolSeconds,
    PoolSize,
    PortNumber,
    PostgresImage,
    Replicas,
    SecretName,
    Standbys,
)
from ..base.problems import Problem
from ..mcp.data_tier import DataTierArgs
from .cloudnative_pg_backup import ObjectStorage
from .cloudnative_pg_parameters import parameter_problems
from .dns import Dns
from .flow_checks import flow_problems
from .party import Flow, Neighbour, Outside
from .resources import Resources

RESOURCES: Final = Resources(cpu="1000m", memory="2Gi", cpu_limit="2000m", memory_limit="4Gi")
"""Those of the document about the orchestration of agents (S4)."""
POOLER_RESOURCES: Final = Resources(
    cpu="100m", memory="128Mi", cpu_limit="500m", memory_limit="256Mi"
)
OPERATOR: Final = Neighbour(
    name="operator",
    namespace="cnpg-system",
    labels={"app.kubernetes.io/name": "cloudnative-pg"},
)
"""Where the operator's own manifests and its chart install it."""
_RESERVED: Final = ("postgres", "streaming_replica", "cnpg_pooler_pgbouncer")
"""Roles that the operator makes for itself."""


@dataclass(frozen=True, kw_only=True)
class LoginRole:
    """A role besides the owner of the database; the operator sets its password at each change.

    It has no right to the tables of others: a migration grants them.

    Attributes:
        name: name of the role.
        password_secret: Secret of the type ``kubernetes.io/basic-auth`` whose ``username`` is
            ``name``. With the label ``cnpg.io/reload: "true"`` a new password is set at once.
        member_of: roles whose rights it has, such as ``pg_monitor``.
        connection_limit: sessions that it may have at the same time.
    """

    name: DatabaseName
    password_secret: SecretName
    member_of: Sequence[DatabaseName] = ()
    connection_limit: ConnectionCount | None = None

    def refusals(self) -> list[Problem]:
        """A role of the operator, and rights of a superuser."""
        problems: list[Problem] = []
        if self.name in _RESERVED or self.name.startswith("pg_"):
            problems.append(
                Problem(
                    "name",
                    f"{self.name} is a role of PostgreSQL or of the operator",
                    "the operator's webhook refuses the cluster",
                    "choose another name",
                )
            )
        problems += [
            Problem(
                f"member_of[{index}]",
                f"is {role}",
                "the role could read or change everything on the server",
                "leave it out",
            )
            for index, role in enumerate(self.member_of)
            if role in ("postgres", *_POWERFUL)
        ]
        return problems


_POWERFUL: Final = (
    *("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"),
    *("pg_read_all_data", "pg_write_all_data"),
)


@dataclass(frozen=True, kw_only=True)
class PgBouncer:
    """Pods of PgBouncer in front of the cluster; sizes and times are those of the boilerplate (S2).

    Attributes:
        instances: number of pods.
        pool_mode: ``session``: a client keeps its connection until it leaves. ``transaction``: only
            for one transaction, so that more clients share the connections; the server's migration
            and prepared statements work in both.
        max_clients: connections that each pod accepts.
        pool_size: connections to PostgreSQL of each pod, for each user and database.
        min_connections: of them, kept open without clients.
        acquire_seconds: how long a client waits for one of them.
        idle_seconds: after which an unused one is closed.
        lifetime_seconds: after which one is replaced.
        resources: of each pod.
    """

    instances: Replicas = 2
    pool_mode: Literal["session", "transaction"] = "session"
    max_clients: ConnectionCount = 1000
    pool_size: PoolSize = 20
    min_connections: PoolSize = 5
    acquire_seconds: PoolSeconds = 3
    idle_seconds: PoolSeconds = 600
    lifetime_seconds: PoolSeconds = 1800
    resources: Resources = POOLER_RESOURCES

    def refusals(self) -> list[Problem]:
        """More connections that are kept than there may be."""
        if self.min_connections <= self.pool_size:
            return []
        return [
            Problem(
                "min_connections",
                f"is {self.min_connections}, more than pool_size ({self.pool_size})",
                "PgBouncer would never have so many",
                f"write at most {self.pool_size}",
            )
        ]


@dataclass(frozen=True, kw_only=True)
class CloudNativePgDataTierArgs(DataTierArgs):
    """Args of a PostgreSQL cluster of CloudNativePG.

    Attributes:
        namespace: namespace of the cluster.
        image: an image of CloudNativePG's, with the version in its tag; a new one is rolled out.
        tls_secret: Secret of the type ``kubernetes.io/tls`` for the names of the Services:
            ``<cluster>-rw``, ``-ro``, ``-r`` and, with ``pooler``, ``<cluster>-pooler``.
        ca_secret: Secret with the ``ca.crt`` that signed it.
        api_server: networks of the cluster's API server: the instance manager in each pod reads
            its role there, and stops PostgreSQL where it cannot.
        api_ports: ports of the API server: of its Service, and of the endpoints behind it.
        cluster: name of the cluster, of which all other names are made; None: the component's.
        user: the role that owns the database, and nothing else.
        credentials_secret: Secret of the type ``kubernetes.io/basic-auth`` with the owner's name
            and password; None: the operator makes ``<cluster>-app``.
        roles: further roles that may log in.
        instances: number of servers, each with a volume of its own; one of them is the primary.
        synchronous: standbys that must have a transaction before it is acknowledged; with 0 a
            failover can lose the last ones.
        parameters: of PostgreSQL, in addition to the defaults of the document S4.
        size: size of each volume.
        storage_class: None for the cluster's default.
        resources: of each server.
        backup: where WAL files and base backups go; None: nothing is archived.
        pooler: PgBouncer in front of the cluster; None: clients connect to the servers.
        clients: pods that may connect to PostgreSQL, or with ``pooler`` to that.
        prometheus: pods that scrape the metrics; None: nobody does.
        pod_monitor: describe the metrics in a PodMonitor, for the Prometheus Operator; only with
            ``prometheus``.
        operator: pods of the operator.
        dns: see FlowPoliciesArgs.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[PostgresImage]
    tls_secret: SecretName
    ca_secret: SecretName
    api_server: Sequence[Network]
    api_ports: Sequence[PortNumber] = (443, 6443)
    cluster: ClusterName | None = None
    user: DatabaseName = "qudag"
    credentials_secret: SecretName | None = None
    roles: Sequence[LoginRole] = ()
    instances: ClusterInstances = 3
    synchronous: Standbys = 1
    parameters: Mapping[ParameterName, ParameterValue] = field(default_factory=dict[str, str])
    size: ByteSize = "100Gi"
    storage_class: ObjectName | None = None
    resources: Resources = RESOURCES
    backup: ObjectStorage | None = None
    pooler: PgBouncer | None = None
    clients: Sequence[Neighbour] = ()
    prometheus: Neighbour | None = None
    pod_monitor: bool = True
    operator: Neighbour = OPERATOR
    dns: Dns = field(default_factory=Dns)

    def refusals(self) -> list[Problem]:
        """Everything that the operator, its policies or PostgreSQL would refuse."""
        return [
            *super().refusals(),
            *_server_problems(self),
            *_role_problems(self),
            *_party_problems(self),
            *_storage_problems(self),
            *parameter_problems(self.parameters, self.resources.memory),
        ]


def _server_problems(args: CloudNativePgDataTierArgs) -> Iterator[Problem]:
    if args.synchronous >= args.instances:
        yield Problem(
            "synchronous",
            f"is {args.synchronous}, and there are {args.instances} instances",
            "no transaction would ever be acknowledged: a primary has fewer standbys",
            f"write at most {args.instances - 1}, or raise instances",
        )
    if not args.api_server:
        yield Problem(
            "api_server",
            "is an empty list",
            "the network policies would separate the instance managers from the API server: no "
            "server would start",
            "list the address of the Service kubernetes and those of the endpoints behind it",
        )


def _role_problems(args: CloudNativePgDataTierArgs) -> Iterator[Problem]:
    named = Counter(role.name for role in args.roles)
    for index, role in enumerate(args.roles):
        if named[role.name] > 1 or role.name == args.user:
            other = "the owner of the database" if role.name == args.user else "another role"
            yield Problem(
                f"roles[{index}].name",
                f"{role.name} is {other}",
                "the operator's webhook refuses the cluster, or two Secrets set one password",
                "give each role a name of its own",
            )


def _party_problems(args: CloudNativePgDataTierArgs) -> Iterator[Problem]:
    parties = {
        **{f"clients[{index}]": client for index, client in enumerate(args.clients)},
        "operator": args.operator,
        **({"prometheus": args.prometheus} if args.prometheus else {}),
    }
    for at, party in parties.items():
        if not party.labels:
            yield Problem(
                f"{at}.labels",
                "is an empty mapping",
                f"every pod of the namespace {party.namespace} could connect to the database",
                "list labels that select only those pods",
            )


def _storage_problems(args: CloudNativePgDataTierArgs) -> Iterator[Problem]:
    if args.backup is None:
        return
    flow = Flow(source="servers", target="storage", port=443, why="backups")
    storage = Outside(name="storage", cidrs=args.backup.networks)
    found = flow_problems(["servers"], [flow], {"storage": storage}, api_server=args.api_server)
    for problem in found:
        yield replace(problem, path="backup.networks")
