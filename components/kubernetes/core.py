"""Core: the server that executes tools; its database is migrated before each rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pulumi

from ..base.arg_types import Deadline, DnsLabel, Image, Retries
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..mcp.audit_log import WRITER, AuditDatabase, AuditOwner
from ..mcp.config_forms import CONFIG_PATH
from ..mcp.era import has_sessions
from ..mcp.server_config import METRICS
from ..mcp.server_limits import nginx_bytes
from ..mcp.server_toml import migration_toml
from ..mcp.store_files import AUDIT, AUDIT_OWNER, DATABASE, stores_of
from ..mcp.target import McpTarget
from .container import Container, Files, SecretFiles
from .database_login import token_problems
from .gateway import GatewayArgs, gateway_containers, public_address
from .gateway_metrics import MONOLITH_METRICS
from .job import JobArgs, job_manifests, registered_job
from .pod_settings import PodSettings
from .resources import Resources
from .server import (
    PROGRAM,
    SERVER_NAME,
    ServerArgs,
    called,
    server_container,
    server_workload,
    store_secrets,
)
from .workload import Workload, WorkloadArgs

MIGRATION = "mcp-migration"
"""Default name, label and flow source of the migration, which needs the database alone."""
MIGRATION_RESOURCES = Resources(cpu="50m", memory="128Mi")
_ROLE: Final = "migration"
MONOLITH_SERVER: Final = "server"
"""Name of the server's container in the pods of a monolith."""


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """The migration Job of the database schema.

    Attributes:
        image: image with the migrations, usually the server's.
        name: physical name, label and flow source of the Job.
        deadline: seconds for all tries together.
        retries: pods that may fail before the Job does.
        pods: settings of the pods.
        audit: make the audit log as this owner; None: there is none.
    """

    image: pulumi.Input[Image]
    name: DnsLabel = MIGRATION
    deadline: Deadline = 600
    retries: Retries = 6
    pods: PodSettings = field(default_factory=PodSettings)
    audit: AuditOwner | None = None


@dataclass(frozen=True, kw_only=True)
class CoreArgs:
    """A server, and the migration of its database.

    Attributes:
        server: see ServerArgs.
        migration: the migration Job; None for a server without a database.
        after: resources that the migration waits for, such as the database.
    """

    server: ServerArgs
    migration: MigrationArgs | None = None
    after: Sequence[pulumi.Resource] = ()

    def refusals(self) -> list[Problem]:
        """A problem if there is a migration, and no database to migrate, or no token for it."""
        database = self.server.config.database
        if self.migration is None:
            return []
        if database is not None:
            found = token_problems("token", database, self.migration.pods)
            return [replace(one, path="migration.pods.identity") for one in found]
        return [
            Problem(
                "migration",
                "is set, and server.config.database is not",
                "the migration would find no database and fail",
                "set server.config.database, or leave migration out",
            )
        ]


@dataclass(frozen=True, kw_only=True)
class MonolithArgs:
    """Gateway, core and QuDAG integration in the pods of one workload.

    Attributes:
        core: the server, whose configuration has the node as well.
        gateway: the gateway in the same pod; its upstream is the server.
    """

    core: CoreArgs
    gateway: GatewayArgs

    def refusals(self) -> list[Problem]:
        """Pod settings of the gateway, which has no pods; two different limits of bodies."""
        problems: list[Problem] = []
        if self.gateway.pods != PodSettings():
            problems.append(
                Problem(
                    "gateway.pods",
                    "is set, but the gateway runs in the server's pods",
                    "the settings would have no effect",
                    "set them in core.server.pods",
                )
            )
        server, gateway = self.core.server.config.limits.max_body, self.gateway.max_body
        if nginx_bytes(server) != nginx_bytes(gateway):
            problems.append(
                Problem(
                    "gateway.max_body",
                    f"is {gateway}, and core.server.config.limits.max_body is {server}",
                    "only the smaller one has an effect, and the other misleads",
                    "set both to the same size",
                )
            )
        if self.gateway.metrics and self.gateway.metrics.port == METRICS:
            problems.append(
                Problem(
                    "gateway.metrics.port",
                    f"is {METRICS}, the port of the server's metrics in the same pods",
                    "one of the two would not start",
                    f"set it to {MONOLITH_METRICS}",
                )
            )
        return problems


class Core(Component[CoreArgs]):
    """The core servers behind the gateway; one Job for each version migrates the database first.

    Attributes:
        host: DNS name of its Service, for a gateway's upstream.
    """

    args_type = CoreArgs
    name_form = SERVER_NAME

    host: pulumi.Output[str]

    def build(self, args: CoreArgs) -> None:
        args = replace(args, server=called(args.server, self.name))
        workload = core_workload(args, after=_migrated(self, args))
        self.host = Workload(self.name, workload, opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: CoreArgs) -> list[Manifest]:
        """Every object that a core of this name and args registers."""
        args = replace(args, server=called(args.server, name))
        return [*_migration_manifests(args), *Workload.manifests(name, core_workload(args))]


class Monolith(McpTarget[MonolithArgs]):
    """One workload with gateway, core and QuDAG integration together, for development."""

    args_type = MonolithArgs
    name_form = SERVER_NAME

    def build(self, args: MonolithArgs) -> None:
        args = replace(args, core=replace(args.core, server=called(args.core.server, self.name)))
        after = _migrated(self, args.core)
        workload = Workload(
            self.name, monolith_workload(self.name, args, after=after), opts=self.owned()
        )
        gateway = args.gateway
        base = public_address(gateway.domain, workload)
        self.answers_at(base, issuer=gateway.issuer, era=gateway.era)

    @classmethod
    def manifests(cls, name: str, args: MonolithArgs) -> list[Manifest]:
        """Every object that a monolith of this name and args registers."""
        args = replace(args, core=replace(args.core, server=called(args.core.server, name)))
        workload = Workload.manifests(name, monolith_workload(name, args))
        return [*_migration_manifests(args.core), *workload]


def core_workload(args: CoreArgs, *, after: Sequence[pulumi.Resource] = ()) -> WorkloadArgs:
    """The workload of the core servers."""
    container = server_container(args.server)
    return server_workload(args.server, [container], component="core", after=after)


def monolith_workload(
    name: str, args: MonolithArgs, *, after: Sequence[pulumi.Resource] = ()
) -> WorkloadArgs:
    """The workload of gateway and server together."""
    gateway, *exporters = gateway_containers(name, args.gateway)
    gateway = replace(gateway, name="gateway")
    server = server_container(args.core.server)
    # The pod's Service is the gateway's; the server in the same pod has no port in it.
    ports = [replace(p, name=f"server-{p.name}", service=None) for p in server.ports]
    inside = replace(
        server,
        name=MONOLITH_SERVER,
        ports=ports,
        pre_stop=server.pre_stop + args.gateway.serves_after_stop,
    )
    workload = server_workload(
        args.core.server,
        [gateway, inside, *exporters],
        component="monolith",
        exposure=args.gateway.exposure,
        after=after,
    )
    # A route of the gateway may have longer calls than the server, or sessions where it has none.
    sessions = any(has_sessions(route.era) for route in args.gateway.routes)
    affinity = args.core.server.config.needs_affinity or sessions
    vertical = args.core.server.vertical
    return replace(
        workload,
        vertical=replace(vertical, main=MONOLITH_SERVER) if vertical else None,
        exposure=replace(args.gateway.exposure, affinity=affinity),
        grace=max(workload.grace + args.gateway.serves_after_stop, args.gateway.grace),
    )


def migration_job(args: CoreArgs, migration: MigrationArgs) -> JobArgs:
    """One bounded Job for each version of its pod; done before the server's new pods start.

    Its file names the database alone, so that no other setting of the server is a new version.
    """
    server = args.server
    assert server.config.database is not None  # CoreArgs.refusals
    content = {"migration.toml": migration_toml(server.config.database, migration.audit)}
    container = Container(
        name="migrate",
        image=migration.image,
        command=[PROGRAM, "migrate", "--config", f"{CONFIG_PATH}/migration.toml"],
        resources=MIGRATION_RESOURCES,
        files=[Files(name=f"{migration.name}-config", path=CONFIG_PATH, content=content)],
        secrets=_of_the_database(server, migration.audit),
    )
    return JobArgs(
        namespace=server.namespace,
        component="migration",
        containers=[container],
        deadline=migration.deadline,
        retries=migration.retries,
        after=args.after,
        name=migration.name,
        pods=migration.pods,
    )


def _migrated(owner: Component[Any], args: CoreArgs) -> Sequence[pulumi.Resource]:
    """The dependencies of the server's pods: the migration Job, or without one the database."""
    if args.migration is None:
        return args.after
    job = migration_job(args, args.migration)
    return [registered_job(owner, args.migration.name, job, role=_ROLE)]


def _migration_manifests(args: CoreArgs) -> list[Manifest]:
    if args.migration is None:
        return []
    job = migration_job(args, args.migration)
    return job_manifests(args.migration.name, job, role=_ROLE)


def _of_the_database(server: ServerArgs, audit: AuditOwner | None) -> list[SecretFiles]:
    """The Secrets that the migration mounts."""
    database = [(one, paths) for one, paths in stores_of(server.config) if paths is DATABASE]
    database += [(audit, AUDIT_OWNER)] if audit else []
    authority = any(one.authority is None for one, _ in database)
    if audit and audit.makes_roles:  # it sets the password, and does not log in with it
        writer = AuditDatabase(host=audit.host, user=WRITER, password=audit.writer_password)
        database.append((writer, AUDIT))
    return store_secrets(server, database, authority=authority)
